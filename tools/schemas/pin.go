package main

// The Gateway API's CRDs are files of its module.
import _ "sigs.k8s.io/gateway-api/apis/v1"
