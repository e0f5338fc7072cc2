// Package kubeconform pins the program that the benchmark of validate compares with. It is a module
// of its own, so that nothing else depends on what it does.
package kubeconform
