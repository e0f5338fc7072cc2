// Command gateway-cp is a control plane for a fleet of Envoy gateways.
//
// This package is the commands and the wiring: flags, environment and config file come in,
// the rooms (source, translator, xds, admin, supervise) are built and joined, and an exit
// code goes out. It holds no logic about objects, routes or Envoys.
package main

import "os"

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }
