// Command etcd is the etcd server as its own module has it, for the API server that the tests ask.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
