package envoy

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
)

// ControlPlaneCluster is the name of the static cluster that leads to gateway-cp.
const ControlPlaneCluster = "gateway-cp"

// NodeNameKey is the key in node.metadata for the Kubernetes node that an Envoy stands on.
const NodeNameKey = "node"

// Options are what differs between Envoys.
type Options struct {
	// NodeID names this Envoy among all; it must be unique. Required.
	NodeID string
	// Fleet is the fleet that the Envoy belongs to (node.cluster). Required.
	Fleet string
	// Zone is the Envoy's zone (node.locality.zone), empty when unknown.
	Zone string
	// NodeName is the Kubernetes node that the Envoy stands on, empty when on none.
	NodeName string

	// XDSAddress is where the control plane listens: host:port or unix:///path; several, separated
	// by commas, when it has replicas. Required.
	XDSAddress string
	// TLS towards the control plane; nil for none.
	TLS *TLS

	// AdminAddress is where Envoy's admin interface listens: host:port or unix:///path.
	// Everybody who can reach it can stop the Envoy. Required.
	AdminAddress string

	// StatsInterval is the time between two deliveries of metrics; 0 means 1 s.
	StatsInterval time.Duration
	// MaxHeap is the size of the heap, in bytes, at which Envoy defends itself; 0 means 2 GiB.
	MaxHeap uint64
	// MaxConnections bounds the downstream connections of the whole Envoy; 0 means 50,000.
	MaxConnections int64
}

// Bootstrap builds the bootstrap. An error names the option that is wrong.
func Bootstrap(o Options) (*bootstrapv3.Bootstrap, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	admin, err := address(o.AdminAddress)
	if err != nil {
		return nil, fmt.Errorf("admin address: %w", err)
	}
	controlPlane, err := controlPlaneCluster(o)
	if err != nil {
		return nil, err
	}
	overload, err := overloadManager(o)
	if err != nil {
		return nil, err
	}
	sink, err := metricsSink()
	if err != nil {
		return nil, err
	}
	runtime, err := staticRuntime()
	if err != nil {
		return nil, err
	}
	b := &bootstrapv3.Bootstrap{
		Node: node(o),
		Admin: &bootstrapv3.Admin{
			Address: admin,
			// An operator gets in however many clients there are.
			IgnoreGlobalConnLimit: true,
		},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{
			Clusters: []*clusterv3.Cluster{controlPlane},
		},
		DynamicResources:   dynamicResources(),
		ClusterManager:     &bootstrapv3.ClusterManager{LoadStatsConfig: apiConfig(corev3.ApiConfigSource_GRPC)},
		StatsSinks:         sink,
		StatsConfig:        statsConfig(),
		StatsFlushInterval: statsInterval(o.StatsInterval),
		DeferredStatOptions: &bootstrapv3.Bootstrap_DeferredStatOptions{
			EnableDeferredCreationStats: true,
		},
		OverloadManager: overload,
		LayeredRuntime:  runtime,
	}
	if err := b.ValidateAll(); err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	return b, nil
}

// check refuses options that are missing.
func (o Options) check() error {
	for _, f := range []struct{ name, value string }{
		{"node id", o.NodeID}, {"fleet", o.Fleet}, {"xDS address", o.XDSAddress}, {"admin address", o.AdminAddress},
	} {
		if f.value == "" {
			return errors.New(f.name + ": must not be empty")
		}
	}
	return nil
}

// node says who the Envoy is.
func node(o Options) *corev3.Node {
	n := &corev3.Node{Id: o.NodeID, Cluster: o.Fleet}
	if o.Zone != "" {
		n.Locality = &corev3.Locality{Zone: o.Zone}
	}
	if o.NodeName != "" {
		n.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{
			NodeNameKey: structpb.NewStringValue(o.NodeName),
		}}
	}
	return n
}

// dynamicResources asks for listeners and clusters over ADS. The first answer is waited for
// without end: an Envoy that has no configuration yet must not report itself ready.
func dynamicResources() *bootstrapv3.Bootstrap_DynamicResources {
	ads := func() *corev3.ConfigSource {
		return &corev3.ConfigSource{
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			ResourceApiVersion:    corev3.ApiVersion_V3,
			InitialFetchTimeout:   durationpb.New(0),
		}
	}
	config := apiConfig(corev3.ApiConfigSource_DELTA_GRPC)
	config.SetNodeOnFirstMessageOnly = true
	return &bootstrapv3.Bootstrap_DynamicResources{
		AdsConfig: config, LdsConfig: ads(), CdsConfig: ads(),
	}
}

// address reads host:port or unix:///path.
func address(s string) (*corev3.Address, error) {
	if path, ok := strings.CutPrefix(s, "unix://"); ok {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%q is not an absolute path: write unix:///path", s)
		}
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path, Mode: 0o600}}}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return nil, fmt.Errorf("%w: write host:port or unix:///path", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%q: the port must be a number from 0 to 65535", s)
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)},
	}}}, nil
}
