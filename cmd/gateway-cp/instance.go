package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/dns"
	"github.com/gateway-cp/gateway-cp/state"
)

// instance is one running gateway-cp: the control plane and the doors into it.
type instance struct {
	config   serveConfig
	log      *slog.Logger
	store    *state.Store
	registry *prometheus.Registry

	doors       []door       // at least one
	tls         *tlsFiles    // nil without
	admin, http net.Listener // http is nil when it is not wanted
	replicas    net.Listener // for followers; nil when there shall be none
	replicaTLS  *tlsFiles    // nil without

	dns      *dns.Listener // nil, as what follows, when DNS is not wanted
	names    *dns.Zone     // owned by the main loop
	resolver *dns.Server

	controlPlane *controlPlane
	// supervised is the Envoy that run has started: its node id and its admin interface.
	supervised struct{ id, admin string }
	// alsoReady, when set, gives reasons beyond the control plane's why we are not ready.
	alsoReady func() []string
}

// openInstance takes everything that only one process can have, so that whatever is taken
// already is an error before anything runs. Close it, also after a failed run.
func openInstance(c serveConfig, log *slog.Logger) (*instance, error) {
	limitGarbage()
	i := &instance{config: c, log: log, registry: prometheus.NewRegistry()}
	if err := i.open(); err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

func (i *instance) open() (err error) {
	c := i.config
	i.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if i.store, err = state.Open(c.StateDir, time.Second); err != nil {
		return explainLocked(err, c)
	}
	if i.admin, err = admin.Listen(c.AdminSocket); err != nil {
		return withHint(cannotf("admin socket: %w", err), "give another --admin-socket")
	}
	if c.XDSCert != "" {
		if i.tls, err = readTLS(c.XDSCert, c.XDSKey, c.XDSClientCA, i.log); err != nil {
			return usagef("%w", err)
		}
	}
	if i.doors, err = openDoors(c, i.tls); err != nil {
		return err
	}
	if c.HTTPAddress != "" {
		if i.http, err = listen(c.HTTPAddress); err != nil {
			return withHint(cannotf("HTTP address: %w", err), "give another --http-address, or an empty one for none")
		}
	}
	if err := i.openReplicas(); err != nil {
		return err
	}
	if err := i.openDNS(); err != nil {
		return err
	}
	i.controlPlane, err = newControlPlane(i)
	return err
}

// openReplicas listens for other replicas, where they shall follow this one.
func (i *instance) openReplicas() (err error) {
	r := i.config.Replica
	if (r.Address != "" || r.Follow != "") && i.config.XDSCert != "" {
		if i.replicaTLS, err = readTLS(i.config.XDSCert, i.config.XDSKey, r.CA, i.log); err != nil {
			return usagef("%w", err)
		}
	}
	if r.Address != "" {
		if i.replicas, err = listen(r.Address); err != nil {
			return withHint(cannotf("replica address: %w", err), "give another --replica-address")
		}
		if i.config.electing() { // it is listened at by whoever leads
			err = i.replicas.Close()
			i.replicas = nil
		}
	}
	return err
}

// door is one way in for Envoys. All doors lead to the same xDS server.
type door struct {
	net.Listener
	credentials credentials.TransportCredentials
}

// openDoors listens for Envoys: at the xDS address, and for the Envoy that we run.
func openDoors(c serveConfig, tls *tlsFiles) (doors []door, err error) {
	defer func() {
		for _, d := range doors {
			if err != nil {
				_ = d.Close()
			}
		}
	}()
	if c.XDSAddress != "" {
		creds := insecure.NewCredentials()
		if tls != nil {
			creds = tls.credentials()
		}
		l, err := listen(c.XDSAddress)
		if err != nil {
			return doors, withHint(cannotf("xDS address: %w", err), "give another --xds-address")
		}
		doors = append(doors, door{l, creds})
	}
	if c.ownSocket != "" {
		l, err := admin.Listen(c.ownSocket)
		if err != nil {
			return doors, cannotf("xDS socket: %w", err)
		}
		doors = append(doors, door{l, insecure.NewCredentials()})
	}
	return doors, nil
}

// explainLocked says what to do when another process has the state.
func explainLocked(err error, c serveConfig) error {
	if errors.Is(err, state.ErrLocked) {
		return withHint(cannotf("%w", err), "another gateway-cp runs for %s: stop it, or give this one its own --state-dir", c.origin())
	}
	return cannotf("%w", err)
}

// listen listens on host:port or unix:///path.
func listen(address string) (net.Listener, error) {
	if path, ok := unixPath(address); ok {
		return admin.Listen(path)
	}
	return net.Listen("tcp", address)
}

// run serves until ctx ends or something fails.
func (i *instance) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return i.controlPlane.Run(ctx) })
	g.Go(func() error { return admin.Serve(ctx, i.admin, i.controlPlane) })
	if i.http != nil {
		health := admin.Health{Ready: i.ready, Metrics: i.registry}
		g.Go(func() error { return health.Serve(ctx, i.http) })
	}
	if i.dns != nil {
		g.Go(func() error { return i.resolver.Serve(ctx, i.dns) })
		i.log.Info("DNS is answered", "address", i.dns.Addr(), "fleet", i.config.DNS.Fleet, "upstreams", i.config.DNS.upstreams)
	}
	for _, d := range i.doors {
		i.log.Info("Envoys can connect", "address", d.Addr().String(), "tls", d.credentials.Info().SecurityProtocol == "tls")
	}
	if i.replicas != nil {
		i.log.Info("replicas can follow", "address", i.replicas.Addr().String(), "tls", i.replicaTLS != nil)
	}
	i.config.noteBelief(ctx, i.log)
	i.log.Info("serving", "source", i.config.origin(), "http", httpAddress(i.http), "admin", i.config.AdminSocket, "state", i.config.StateDir)
	return g.Wait()
}

// ready gives the reasons why this instance is not ready.
func (i *instance) ready() []string {
	reasons := i.controlPlane.Ready()
	if i.alsoReady != nil {
		reasons = append(reasons, i.alsoReady()...)
	}
	return reasons
}

func httpAddress(l net.Listener) string {
	if l == nil {
		return "off"
	}
	return l.Addr().String()
}

// close gives everything back.
func (i *instance) close() {
	for _, d := range i.doors {
		_ = d.Close()
	}
	if i.dns != nil {
		_ = i.dns.Close()
	}
	for _, l := range []net.Listener{i.admin, i.http, i.replicas} {
		if l != nil {
			_ = l.Close()
		}
	}
	if i.store != nil {
		if err := i.store.Close(); err != nil {
			i.log.Error("close the state store", "error", err)
		}
	}
}
