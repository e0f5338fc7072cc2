package translator

import (
	"fmt"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// indexFleets finds all Fleets under the empty value. There are few of them.
const indexFleets index = "fleets"

// fleet is a Fleet, or the fleet "default" that is there without any object.
type fleet struct {
	*v1alpha1.Fleet
}

// key is the Fleet's own key; the implicit fleet has it, too, without an object behind it.
func (f fleet) key() api.Key { return api.Key{Kind: api.KindFleet, Name: f.Name} }

func (f fleet) audience() resource.Audience { return resource.OfFleet(f.Name) }

// servesService says whether the Fleet's Envoys serve a Service with these labels.
func (f fleet) servesService(l map[string]string) bool { return f.ServesService(l) }

// servesGateway says whether the Fleet's Envoys serve a Gateway with these labels, given that
// the Gateway's class names this Fleet.
func (f fleet) servesGateway(l map[string]string) bool {
	return v1alpha1.Selects(f.Spec.GatewaySelector, l)
}

// serviceListener gives the name of the listener for the DNS names of Services.
func (f fleet) serviceListener() (name string, enabled bool) {
	l := f.Spec.ServiceListener
	return listenerName(l.Address, l.Port), !l.Disabled
}

// socket is a listener that is the fleet's own.
type socket struct{ what, path string }

// socketAt gives the one with a name; nil: it is free.
func (f fleet) socketAt(name string) *socket {
	if s, enabled := f.serviceListener(); enabled && name == s {
		return &socket{fmt.Sprintf("the service listener of Fleet %q", f.Name), "spec.serviceListener"}
	}
	for _, a := range f.interceptionAddresses() {
		if name == listenerName(a, f.Spec.Interception.Port) {
			return &socket{fmt.Sprintf("the socket for intercepted connections of Fleet %q", f.Name), "spec.interception"}
		}
	}
	return nil
}

// gatewayAddresses are those that Gateways without addresses of their own listen on.
func (f fleet) gatewayAddresses() []string {
	if len(f.Spec.Addresses) == 0 {
		return []string{"0.0.0.0"}
	}
	return f.Spec.Addresses
}

// implicitFleet is the fleet "default" while no object says otherwise. Like objects it is never changed.
var implicitFleet = fleet{v1alpha1.ImplicitFleet()}

// readFleet gives the Fleet with this name; false when there is none.
func readFleet(r *Reader, name string) (fleet, bool) {
	if f := read[*v1alpha1.Fleet](r, api.KindFleet, "", name); f != nil {
		return fleet{f}, true
	}
	if name == v1alpha1.DefaultFleet {
		return implicitFleet, true
	}
	return fleet{}, false
}

// drainTime is how long clusters drain on the Envoys of a fleet; 0 when there is no such fleet.
func drainTime(r *Reader, fleet string) time.Duration {
	f, there := readFleet(r, fleet)
	if !there {
		return 0
	}
	return f.Spec.DrainTime.Duration
}

// readFleets gives all Fleets, sorted by name.
func readFleets(r *Reader) []fleet {
	var all []fleet
	implicit := true
	for _, o := range r.list(indexFleets, "", "") {
		f := fleet{o.Value.(*v1alpha1.Fleet)}
		implicit = implicit && f.Name != v1alpha1.DefaultFleet
		all = append(all, f)
	}
	if implicit {
		all = append(all, implicitFleet)
		slices.SortFunc(all, func(a, b fleet) int { return a.key().Compare(b.key()) })
	}
	return all
}

// implicitFleetCalls gives the units of the fleet "default" while no object says otherwise.
func implicitFleetCalls(r *Reader) []Unit {
	if r.get(api.KindFleet, "", v1alpha1.DefaultFleet) != nil {
		return nil // the object calls for them itself
	}
	return fleetCalls(implicitFleet)
}

// fleetCalls gives the units of a Fleet.
func fleetCalls(f fleet) []Unit {
	units := interceptionCalls(f)
	if _, enabled := f.serviceListener(); enabled {
		units = append(units, Unit{Feature: serviceListener, Fleet: f.Name}, Unit{Feature: serviceFilterChain, Fleet: f.Name})
	}
	return units
}

// fromFleet starts an output that comes from the Fleet alone.
func fromFleet(f fleet) resource.Output { return resource.Output{Sources: []api.Key{f.key()}} }
