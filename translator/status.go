package translator

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Status is what is to be said on one Gateway API object, computed as data. One of the
// fields beside Object is set.
type Status struct {
	Object       api.Key
	Conditions   []metav1.Condition // of a GatewayClass
	Gateway      *gatewayv1.GatewayStatus
	Fleet        string // of a Gateway: whose Envoys serve it; empty: none
	RouteParents []gatewayv1.RouteParentStatus
}
