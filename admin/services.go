package admin

import (
	"context"
	"net/http"
)

const servicesPath = "/v1/services"

// ServiceStatus is what a Service has: what its manifest gives, and what was chosen for it.
type ServiceStatus struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Type      string `json:"type"`
	// ClusterIPs are at most one of each family, LoadBalancer one from each fleet that is its load
	// balancer.
	ClusterIPs          []string      `json:"clusterIPs,omitempty"`
	LoadBalancer        []string      `json:"loadBalancer,omitempty"`
	HealthCheckNodePort int32         `json:"healthCheckNodePort,omitempty"`
	Ports               []ServicePort `json:"ports"`
}

// ServicePort is a port of a Service.
type ServicePort struct {
	Name     string `json:"name,omitempty"`
	Port     int32  `json:"port"`
	Protocol string `json:"protocol"`
	NodePort int32  `json:"nodePort,omitempty"`
}

// ServiceView is a View that knows Services, sorted by namespace and name.
type ServiceView interface {
	Services() []ServiceStatus
}

// handleServices tells of Services, where the view can.
func handleServices(mux *http.ServeMux, view View) {
	if services, ok := view.(ServiceView); ok {
		mux.HandleFunc("GET "+servicesPath, func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, services.Services())
		})
	}
}

// Services asks for all Services with what they have.
func (c *Client) Services(ctx context.Context) ([]ServiceStatus, error) {
	var all []ServiceStatus
	return all, c.call(ctx, http.MethodGet, servicesPath, &all)
}
