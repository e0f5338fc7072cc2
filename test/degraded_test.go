package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Envoy's gauge membership_healthy, by which rollouts and endpoints that are replaced are judged, does not
// count an endpoint that is DEGRADED, though it has passed its health check.
func TestDegradedEndpointsAreNotCountedAsHealthy(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	admin := e.Address(e.FreePort())
	var hosts strings.Builder
	for i, b := range e.Backends("web", 3) {
		health := map[bool]string{true: "HEALTHY", false: "DEGRADED"}[i == 0]
		fmt.Fprintf(&hosts, "        - {health_status: %s, endpoint: {address: {socket_address: {address: %s, port_value: %d}}}}\n",
			health, b.Address.Addr(), b.Address.Port())
	}
	host, port, _ := strings.Cut(admin, ":")
	envoy := e.StartStaticEnvoy(fmt.Appendf(nil, `admin: {address: {socket_address: {address: %s, port_value: %s}}}
static_resources:
  clusters:
  - name: web
    type: STATIC
    health_checks: [{timeout: 5s, interval: 1s, no_traffic_interval: 1s, healthy_threshold: 1, unhealthy_threshold: 1, tcp_health_check: {}}]
    load_assignment:
      cluster_name: web
      endpoints:
      - lb_endpoints:
%s`, host, port, hosts.String()), admin)
	e.Await("all have passed their checks", 20*time.Second, func() error {
		stats, err := envoy.Get("/stats?filter=^cluster.web.membership_")
		if err != nil {
			return err
		}
		for _, line := range []string{"degraded: 2\n", "healthy: 1\n", "total: 3\n"} {
			if !strings.Contains(stats, "membership_"+line) {
				return fmt.Errorf("it says\n%s", stats)
			}
		}
		return nil
	})
}
