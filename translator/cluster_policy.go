package translator

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// What clusters have by a policy, or without one by default.

const upstreamHTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// connectTimeout in seconds is Envoy's default, written down since retries lean on it.
const connectTimeout = 5

// defaultBreakers and defaultOutliers are what holds where a policy says nothing.
var (
	defaultBreakers = func() *v1alpha1.BackendCircuitBreaker {
		c := new(v1alpha1.BackendCircuitBreaker)
		c.SetDefaults()
		return c
	}()
	defaultOutliers = func() *v1alpha1.PassiveHealthCheck {
		p := new(v1alpha1.PassiveHealthCheck)
		p.SetDefaults()
		return p
	}()
)

// applyPolicy gives a cluster what a policy says of connections and of endpoints that fail.
func (e *encoder) applyPolicy(c *clusterv3.Cluster, p policy, http2 bool) {
	e.limit(c, p, http2)
	c.OutlierDetection = outlierDetection(p)
	if h := p.HealthCheck; h != nil && h.PanicThreshold != nil {
		c.CommonLbConfig.HealthyPanicThreshold = &typev3.Percent{Value: float64(*h.PanicThreshold)}
	}
	if k := p.TCPKeepalive; k != nil {
		keepalive := &corev3.TcpKeepalive{}
		if k.Probes != nil {
			keepalive.KeepaliveProbes = wrapperspb.UInt32(uint32(*k.Probes))
		}
		if k.IdleTime != nil {
			keepalive.KeepaliveTime = wrapperspb.UInt32(uint32(k.IdleTime.Seconds()))
		}
		if k.Interval != nil {
			keepalive.KeepaliveInterval = wrapperspb.UInt32(uint32(k.Interval.Seconds()))
		}
		c.UpstreamConnectionOptions = &clusterv3.UpstreamConnectionOptions{TcpKeepalive: keepalive}
	}
}

// limit gives a cluster its time limits and circuit breakers.
func (e *encoder) limit(c *clusterv3.Cluster, p policy, http2 bool) {
	c.ConnectTimeout = seconds(connectTimeout)
	if t := p.Timeout; t != nil && t.TCP != nil && t.TCP.ConnectTimeout != nil {
		c.ConnectTimeout = durationpb.New(t.TCP.ConnectTimeout.Duration)
	}
	b := p.CircuitBreaker
	if b == nil {
		b = defaultBreakers
	}
	c.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     most(b.MaxConnections),
		MaxPendingRequests: most(b.MaxPendingRequests),
		MaxRequests:        most(b.MaxParallelRequests),
		MaxRetries:         most(b.MaxParallelRetries),
	}}}
	if b.PerEndpoint != nil {
		c.CircuitBreakers.PerHostThresholds = []*clusterv3.CircuitBreakers_Thresholds{{MaxConnections: most(&b.PerEndpoint.MaxConnections)}}
	}
	if options := httpOptions(p, http2); options != nil {
		c.TypedExtensionProtocolOptions = map[string]*anypb.Any{upstreamHTTP: e.any(options)}
	}
}

func most(n *int64) *wrapperspb.UInt32Value { return wrapperspb.UInt32(uint32(*n)) }

// httpOptions is how HTTP is spoken to endpoints; nil: as by default. HTTP/2 is with prior knowledge, whatever the
// client speaks.
func httpOptions(p policy, http2 bool) *upstreamv3.HttpProtocolOptions {
	common := &corev3.HttpProtocolOptions{}
	asked := false
	if t := p.Timeout; t != nil && t.HTTP != nil {
		common.IdleTimeout, common.MaxConnectionDuration = durationOf(t.HTTP.ConnectionIdleTimeout), durationOf(t.HTTP.MaxConnectionDuration)
		asked = common.IdleTimeout != nil || common.MaxConnectionDuration != nil
	}
	if b := p.CircuitBreaker; b != nil && valueOr(b.MaxRequestsPerConnection, 0) > 0 {
		common.MaxRequestsPerConnection, asked = most(b.MaxRequestsPerConnection), true
	}
	if !asked && !http2 {
		return nil
	}
	explicit := &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: &corev3.Http1ProtocolOptions{}},
	}
	if http2 {
		explicit.ProtocolConfig = &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
			Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
				InitialStreamWindowSize:     wrapperspb.UInt32(streamWindow),
				InitialConnectionWindowSize: wrapperspb.UInt32(connectionWindow),
			},
		}
	}
	options := &upstreamv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: explicit},
	}
	if asked {
		options.CommonHttpProtocolOptions = common
	}
	return options
}

// durationOf gives a time limit as Envoy has it; nil where there is none.
func durationOf(d *metav1.Duration) *durationpb.Duration {
	if d == nil {
		return nil
	}
	return durationpb.New(d.Duration)
}

// outlierDetection leaves out endpoints that fail; nil: none. What Envoy sees itself, connections that fail, break
// off or take too long, is told apart from answers: an application that answers 5xx is not gone, and leaving it
// out helps nobody by default.
func outlierDetection(p policy) *clusterv3.OutlierDetection {
	o := defaultOutliers
	if h := p.HealthCheck; h != nil && h.Passive != nil {
		o = h.Passive
	}
	if *o.ConsecutiveLocalOriginFailures == 0 && *o.ConsecutiveGatewayErrors == 0 && *o.Consecutive5XxErrors == 0 {
		return nil
	}
	d := &clusterv3.OutlierDetection{
		SplitExternalLocalOriginErrors:  true,
		Interval:                        durationOf(o.Interval),
		BaseEjectionTime:                durationOf(o.BaseEjectionTime),
		MaxEjectionPercent:              wrapperspb.UInt32(uint32(*o.MaxEjectionPercent)),
		EnforcingSuccessRate:            wrapperspb.UInt32(0),
		EnforcingLocalOriginSuccessRate: wrapperspb.UInt32(0),
	}
	d.ConsecutiveLocalOriginFailure, d.EnforcingConsecutiveLocalOriginFailure = after(*o.ConsecutiveLocalOriginFailures)
	d.ConsecutiveGatewayFailure, d.EnforcingConsecutiveGatewayFailure = after(*o.ConsecutiveGatewayErrors)
	d.Consecutive_5Xx, d.EnforcingConsecutive_5Xx = after(*o.Consecutive5XxErrors)
	return d
}

// after gives how many failures in a row there must be, and how many of a hundred times they then count.
func after(failures int32) (consecutive, enforced *wrapperspb.UInt32Value) {
	if failures == 0 {
		return nil, wrapperspb.UInt32(0)
	}
	return wrapperspb.UInt32(uint32(failures)), wrapperspb.UInt32(100)
}
