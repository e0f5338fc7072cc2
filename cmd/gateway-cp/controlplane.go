package main

import (
	"context"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
)

// controlPlane is the main loop: source, translator, xDS server.
type controlPlane struct {
	instance *instance
	started  time.Time
}

func newControlPlane(i *instance) (*controlPlane, error) {
	return &controlPlane{instance: i, started: time.Now()}, nil
}

// Run is the main loop; it ends with ctx.
func (c *controlPlane) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Status is for the admin socket.
func (c *controlPlane) Status() admin.Status {
	return admin.Status{
		Version: readBuildInfo().Version, Started: c.started,
		Problems: []api.Problem{}, Envoys: []admin.EnvoyStatus{},
	}
}

// Confirm lets a held source through.
func (c *controlPlane) Confirm() error { return admin.ErrNothingHeld }

// Ready gives the reasons why this process is not ready to serve Envoys.
func (c *controlPlane) Ready() []string { return nil }
