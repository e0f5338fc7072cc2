// Command find-envoy prints the path of the Envoy that gateway-cp uses, and fetches one when
// there is none. With a version as its argument (or "oldest", for the oldest that is
// supported), it is that one of the cache, whatever else the machine has.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/gateway-cp/gateway-cp/envoybin"
)

func main() {
	path, err := find(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}

func find(ctx context.Context, args []string) (string, error) {
	logf := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	switch {
	case len(args) == 0:
		return envoybin.Find(ctx, logf)
	case args[0] == "oldest":
		return envoybin.Fetched(ctx, envoybin.Oldest, logf)
	}
	return envoybin.Fetched(ctx, args[0], logf)
}
