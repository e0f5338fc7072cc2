//go:build !linux

package main

import "errors"

func servicesTable() error { return errors.New("network namespaces are there on Linux alone") }
