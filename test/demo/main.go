// Command demo switches a service from blue to green and back on a real Envoy under load, and
// counts what happened to the requests. It is what make demo runs.
//
// It takes the manifests of examples/bluegreen, on free ports. A table comes out; the exit
// code is 1 when a request failed or traffic went where it was not asked to go.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx))
}

func run(ctx context.Context) (code int) {
	s := newStage(ctx)
	defer func() {
		s.cleanUp()
		switch {
		case s.stopped:
			code = 130 // as shells have it after Ctrl-C
		case s.Failed():
			code = 1
		}
	}()
	defer s.catch()
	s.say("building gateway-cp and looking for Envoy")
	d := &demo{Env: harness.New(s), stage: s}
	d.open()
	d.pause(warmUp)
	for _, act := range d.acts() {
		d.play(act)
	}
	samples := d.load.Stop()
	d.curtain()
	d.judge(samples)
	d.table(os.Stdout, samples)
	if !s.Failed() {
		fmt.Printf("\nNot one of %s requests failed.\n", thousands(len(samples)))
	}
	return code
}

// warmUp is how long the load runs before latencies count: clients connect first.
const warmUp = time.Second

// settle is how long nothing may be answered by the old split before a phase counts.
const settle = 300 * time.Millisecond
