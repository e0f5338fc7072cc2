// Command find-envoy prints the path of the Envoy that gateway-cp uses, and fetches one when
// there is none.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/gateway-cp/gateway-cp/envoybin"
)

func main() {
	path, err := envoybin.Find(context.Background(), func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
