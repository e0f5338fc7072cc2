package lint

import (
	"fmt"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// controllerNames finds GatewayClasses that are a slip of the pen away from being ours. What has
// our name in it is admission's to tell.
func controllerNames(c *checker) {
	for _, o := range c.of(api.KindGatewayClass) {
		name := string(o.Value.(*gatewayv1.GatewayClass).Spec.ControllerName)
		if strings.Contains(name, "gateway-cp") || nearest.Distance(strings.ToLower(name), string(api.ControllerName)) > 3 {
			continue
		}
		c.add(api.Problem{
			Object: o.Key, Path: "spec.controllerName", Reason: api.ReasonControllerNameMistyped, Severity: api.Warning,
			Message: fmt.Sprintf("%q is almost the name that gateway-cp answers to: Gateways of this class are not served", name),
			Hint:    "write " + string(api.ControllerName),
		})
	}
}
