// Package environment gives the variables that a kubelet sets for the containers of a Pod, so that
// they find Services.
//
// In: the Services, and the namespace of the Pod. Out: names and values, sorted. The package is
// pure, and knows no other objects.
package environment
