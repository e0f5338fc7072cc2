// Command shop runs all tiers of this example and the gateway between them: for each Workload in the directory it opens
// what its label app says, at its address, and then gateway-cp with an Envoy. It stops with SIGTERM or Ctrl-C.
//
//	go run ./examples/microservices/shop examples/microservices
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: shop DIRECTORY")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run opens everything, and closes it when ctx ends or gateway-cp does.
func run(ctx context.Context, dir string) error {
	workloads, err := readWorkloads(filepath.Join(dir, "workloads"))
	if err != nil {
		return err
	}
	// The tiers know one another by names, at the gateway; the database they know by its node port.
	services := services{
		listener: cmp.Or(os.Getenv("SERVICES"), "127.0.0.1:10080"),
		database: cmp.Or(os.Getenv("DATABASE"), "127.0.0.1:30432"),
	}
	for _, w := range workloads {
		address := fmt.Sprintf("%s:%d", w.Spec.Addresses[0], w.Spec.Ports[0].Port)
		if err := services.open(w.Metadata.Labels["app"], address); err != nil {
			return fmt.Errorf("%s: %w", w.Metadata.Name, err)
		}
		fmt.Printf("%s is open at %s\n", w.Metadata.Labels["app"], address)
	}
	return gatewayCP(ctx, dir)
}

// gatewayCP runs gateway-cp over the manifests: the one that GATEWAY_CP names, else what it builds.
func gatewayCP(ctx context.Context, dir string) error {
	binary := os.Getenv("GATEWAY_CP")
	if binary == "" {
		binary = "bin/gateway-cp"
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/gateway-cp").CombinedOutput(); err != nil {
			return fmt.Errorf("build gateway-cp: %w\n%s", err, out)
		}
	}
	cmd := exec.CommandContext(ctx, binary, "run", dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // the tiers serve until it has ended
	cmd.WaitDelay = time.Minute
	if err := cmd.Run(); err != nil && !errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return fmt.Errorf("gateway-cp: %w", err)
	}
	return nil
}

// workload is what is read here of a Workload.
type workload struct {
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Addresses []string
		Ports     []struct{ Port int }
	}
}

// readWorkloads reads a directory of files with a Workload each.
func readWorkloads(dir string) ([]workload, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("%s has no Workloads", dir))
	}
	all := make([]workload, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(data, &all[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(all[i].Spec.Addresses) == 0 || len(all[i].Spec.Ports) == 0 {
			return nil, fmt.Errorf("%s: a Workload of this example has an address and a port", file)
		}
	}
	return all, nil
}
