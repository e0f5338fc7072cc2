package lint

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// grants finds ReferenceGrants that permit nothing, and those that permit too much.
func grants(c *checker) {
	for _, o := range c.of(api.KindReferenceGrant) {
		for i, to := range o.Value.(*gatewayv1.ReferenceGrant).Spec.To {
			path := fmt.Sprintf("spec.to[%d]", i)
			switch {
			case to.Group != "":
			case to.Kind == "Secret" && deref(to.Name, "") == "":
				c.add(api.Problem{
					Object: o.Key, Path: path, Reason: api.ReasonGrantToAllSecrets, Severity: api.Warning,
					Message: fmt.Sprintf("permits the use of every Secret of namespace %s", o.Key.Namespace),
					Hint:    "name the Secrets that are meant, with an entry for each",
				})
			case to.Kind == "Service" && deref(to.Name, "") != "":
				// Secrets are often not in the set, and Services of a namespace are all or none.
				k := api.Key{Kind: api.KindService, Namespace: o.Key.Namespace, Name: string(*to.Name)}
				if c.objects[k] != nil || !c.holds[kindIn{api.KindService, k.Namespace}] {
					continue
				}
				c.add(api.Problem{
					Object: o.Key, Path: path + ".name", Reason: api.ReasonGrantWithoutTarget, Severity: api.Warning,
					Message: fmt.Sprintf("there is no %s: nothing is permitted", k),
					Hint:    "correct the name, or leave it out to mean all Services of the namespace",
				})
			}
		}
	}
}
