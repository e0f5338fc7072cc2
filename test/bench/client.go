package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"

	"github.com/gateway-cp/gateway-cp/resource"
)

type core = corev3.Node

// client is a client of the incremental protocol that acknowledges everything.
type client struct {
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	watch  string // whose endpoint assignment is waited for
	seen   chan struct{}
	failed chan error
	all    int // endpoint assignments until now
	want   int
	full   chan struct{}
}

// bound is how long anything may take.
const bound = 2 * time.Minute

// connect subscribes to everything of the first types (by names for endpoints), and returns
// when it has all endpoint assignments of the crowd.
func connect(conn *grpc.ClientConn, n int, c crowd, wildcards ...resource.Type) (*client, error) {
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(context.Background())
	if err != nil {
		return nil, err
	}
	cl := &client{
		stream: stream, watch: c.cluster(c.services / 2), want: c.services,
		seen: make(chan struct{}, 1000), failed: make(chan error, 1), full: make(chan struct{}),
	}
	node := &corev3.Node{Id: fmt.Sprint("bench-", n), Cluster: "default"}
	for _, t := range wildcards {
		if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: node, TypeUrl: t.URL()}); err != nil {
			return nil, err
		}
	}
	err = stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: node, TypeUrl: resource.Endpoint.URL(), ResourceNamesSubscribe: c.clusters()})
	if err != nil {
		return nil, err
	}
	go cl.read()
	select {
	case <-cl.full:
		return cl, nil
	case err := <-cl.failed:
		return nil, err
	case <-time.After(bound):
		return nil, errors.New("the client does not get everything")
	}
}

func (c *client) read() {
	ack := &discoveryv3.DeltaDiscoveryRequest{}
	for {
		r, err := c.stream.Recv()
		if err != nil {
			c.failed <- err
			return
		}
		ack.TypeUrl, ack.ResponseNonce = r.TypeUrl, r.Nonce
		if err := c.stream.Send(ack); err != nil {
			c.failed <- err
			return
		}
		if r.TypeUrl != resource.Endpoint.URL() {
			continue
		}
		before := c.all
		c.all += len(r.Resources)
		switch {
		case before < c.want:
			if c.all >= c.want {
				close(c.full)
			}
		case len(r.Resources) == 1 && r.Resources[0].Name == c.watch:
			c.seen <- struct{}{}
		default:
			c.failed <- fmt.Errorf("got %d assignments, want that of %s alone", len(r.Resources), c.watch)
			return
		}
	}
}

// wait waits until the changed assignment is there.
func (c *client) wait() error {
	select {
	case <-c.seen:
		return nil
	case err := <-c.failed:
		return err
	case <-time.After(bound):
		return errors.New("the change does not arrive")
	}
}
