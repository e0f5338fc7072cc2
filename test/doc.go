// Package test holds the tests of the whole: gateway-cp as it is built, real Envoys, real
// services, load. Each test is a world of package harness; none knows the inside of gateway-cp.
//
// GATEWAY_CP_SOAK=1 (make soak) runs the long forms with full counts; CI runs a tenth.
package test
