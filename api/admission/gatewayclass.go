package admission

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// controllerShape is a domain and a path.
var controllerShape = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$`)

func (r *report) gatewayClass(c *gatewayv1.GatewayClass) {
	at := spec.Child("controllerName")
	switch name := string(c.Spec.ControllerName); {
	case name == "":
		r.missing(at, "name the controller that serves Gateways of this class")
	case len(name) > 253 || !controllerShape.MatchString(name):
		r.fail(at, api.ReasonInvalidField, "use a domain and a path, such as example.com/controller", "%q is not a controller name", name)
	case name != string(api.ControllerName) && strings.Contains(name, "gateway-cp"):
		// The classes of other controllers are none of our business.
		r.warn(at, api.ReasonInvalidField, "write "+string(api.ControllerName), "%q is not the name that gateway-cp answers to: Gateways of this class are not served", name)
	}
	if p := c.Spec.ParametersRef; p != nil {
		r.objectRef(spec.Child("parametersRef"), string(p.Group), string(p.Kind), p.Name, p.Namespace)
	}
}

var kindShape = regexp.MustCompile(`^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$`)

// objectRef checks group, kind, name and namespace of a reference to an object.
func (r *report) objectRef(at *field.Path, group, kind, name string, namespace *gatewayv1.Namespace) {
	r.groupKind(at, group, kind)
	switch {
	case name == "":
		r.missing(at.Child("name"), "name the object")
	case len(name) > 253:
		r.fail(at.Child("name"), api.ReasonInvalidName, "use at most 253 characters", "the name is too long")
	}
	if namespace != nil {
		r.name(at.Child("namespace"), string(*namespace), true)
	}
}

func (r *report) groupKind(at *field.Path, group, kind string) {
	if group != "" {
		r.name(at.Child("group"), group, false)
	}
	switch {
	case kind == "":
		r.missing(at.Child("kind"), "give the kind of the object")
	case len(kind) > 63 || !kindShape.MatchString(kind):
		r.fail(at.Child("kind"), api.ReasonInvalidField, "use the kind as in the object's own kind field, such as Service", "%q is not a kind", kind)
	}
}
