package translator

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// ourClass gives a GatewayClass, or nil when it is not there or not ours.
func ourClass(r *Reader, name string) *gatewayv1.GatewayClass {
	class := read[*gatewayv1.GatewayClass](r, api.KindGatewayClass, "", name)
	if class == nil || class.Spec.ControllerName != api.ControllerName {
		return nil
	}
	return class
}

// fleetOfClass gives the fleet whose Envoys serve the Gateways of a class, or what is wrong
// with the class's parameters.
func fleetOfClass(r *Reader, class *gatewayv1.GatewayClass) (fleet, *api.Problem) {
	name := v1alpha1.DefaultFleet
	problem := api.Problem{
		Object:   api.Key{Kind: api.KindGatewayClass, Name: class.Name},
		Path:     "spec.parametersRef",
		Severity: api.Error,
		Hint:     "name a Fleet of group " + v1alpha1.GroupVersion.Group + ", or leave parametersRef out to use the fleet \"default\"",
	}
	if ref := class.Spec.ParametersRef; ref != nil {
		if string(ref.Group) != v1alpha1.GroupVersion.Group || string(ref.Kind) != string(api.KindFleet) {
			problem.Reason = api.ReasonInvalidField
			problem.Message = fmt.Sprintf("%s of group %q is not a kind of parameters that gateway-cp knows", ref.Kind, ref.Group)
			return fleet{}, &problem
		}
		if ref.Namespace != nil {
			problem.Path += ".namespace"
			problem.Reason = api.ReasonInvalidField
			problem.Message = "a Fleet has no namespace"
			problem.Hint = "leave the namespace out"
			return fleet{}, &problem
		}
		name = ref.Name
	}
	f, ok := readFleet(r, name)
	if !ok {
		problem.Path += ".name"
		problem.Reason = api.ReasonFleetNotFound
		problem.Message = fmt.Sprintf("there is no Fleet %q", name)
		return fleet{}, &problem
	}
	return f, nil
}

func gatewayClassCalls(o *api.Object) []Unit {
	if o.Value.(*gatewayv1.GatewayClass).Spec.ControllerName != api.ControllerName {
		return nil
	}
	return []Unit{{Feature: gatewayClassStatus, Name: o.Key.Name}}
}

// gatewayClassStatus says whether a GatewayClass can be used.
var gatewayClassStatus = &Feature{Name: "gateway class status", Build: buildGatewayClassStatus}

func buildGatewayClassStatus(r *Reader, u Unit) Result {
	class := ourClass(r, u.Name)
	if class == nil {
		return Result{}
	}
	accepted := condition(class, string(gatewayv1.GatewayClassConditionStatusAccepted), true,
		string(gatewayv1.GatewayClassReasonAccepted), "")
	var problems []api.Problem
	f, problem := fleetOfClass(r, class)
	if problem != nil {
		accepted = condition(class, accepted.Type, false, string(gatewayv1.GatewayClassReasonInvalidParameters), problem.Message)
		problems = append(problems, *problem)
	} else {
		accepted.Message = fmt.Sprintf("its Gateways are served by the fleet %q", f.Name)
	}
	return Result{
		Status: &Status{
			Object:     api.Key{Kind: api.KindGatewayClass, Name: u.Name},
			Conditions: []metav1.Condition{accepted},
		},
		Problems: problems,
	}
}

// SupportedFeatures are the features of the Gateway API that a GatewayClass is said to support, sorted.
// https://gateway-api.sigs.k8s.io/reference/spec/#supportedfeature
func SupportedFeatures() []gatewayv1.SupportedFeature {
	return []gatewayv1.SupportedFeature{{Name: "Gateway"}, {Name: "HTTPRoute"}, {Name: "ReferenceGrant"}}
}
