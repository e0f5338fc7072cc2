package policy

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"

	"github.com/gateway-cp/gateway-cp/api"
)

// What test files are: their name, and what stands in them. Neither kubectl nor kustomize, GitOps tools
// or gateway-cp itself take a file with this extension for a manifest.
const (
	Extension  = ".traffictest"
	APIVersion = api.TestGroup + "/v1alpha1"
	Kind       = "TrafficTest"
)

// Suite is a document of a test file.
type Suite struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   Metadata `yaml:"metadata"`
	Tests      []*Test  `yaml:"tests"`
}

// Metadata names a suite.
type Metadata struct {
	Name string `yaml:"name"`
}

// Test is one expectation. It has either a Request, or ForAll, or neither: then it is about the world.
type Test struct {
	Name    string    `yaml:"name"`
	Request *Request  `yaml:"request"`
	ForAll  *Selector `yaml:"forAll"`
	Expect  Expect    `yaml:"expect"`

	suite   string
	node    *yaml.Node
	file    string
	index   int
	invalid []api.Problem // why it cannot be run
}

// FullName is that of the suite and of the test.
func (t *Test) FullName() string {
	if t.Name == "" {
		return fmt.Sprintf("%s/tests[%d]", t.suite, t.index)
	}
	return t.suite + "/" + t.Name
}

// Request is a request as a client sends it.
type Request struct {
	Method   string            `yaml:"method"` // default GET
	URL      string            `yaml:"url"`
	Headers  map[string]string `yaml:"headers"` // Host sets another host than that of the URL
	From     string            `yaml:"from"`    // IP address of the client
	HTTP2    bool              `yaml:"http2"`
	SNI      string            `yaml:"sni"`
	Listener string            `yaml:"listener"`
	Gateway  string            `yaml:"gateway"`
	Port     uint16            `yaml:"port"`
	Fleet    string            `yaml:"fleet"`
}

// Selector says which routes a test is about. Without any field: all of all Gateways.
type Selector struct {
	Gateway  string `yaml:"gateway"`  // namespace/name
	Listener string `yaml:"listener"` // 0.0.0.0:443
	Host     string `yaml:"host"`     // a domain, as it stands in the route or listener
	Fleet    string `yaml:"fleet"`
	// Services takes routes to Services by their own names (web.shop.svc) as well.
	Services bool `yaml:"services"`
}

// Expect is what shall hold; everything that is set.
type Expect struct {
	Service    string            `yaml:"service"`    // namespace/name or namespace/name:port: all goes there
	NotService []string          `yaml:"notService"` // nothing goes there, no copy either
	Version    string            `yaml:"version"`    // of a Rollout: all goes there
	Weights    map[string]Weight `yaml:"weights"`    // in percent, by version or namespace/name
	Status     *int              `yaml:"status"`     // of a redirect or of an answer of Envoy itself
	Location   *string           `yaml:"location"`   // of a redirect
	Host       *string           `yaml:"host"`       // as the backend gets it
	Path       *string           `yaml:"path"`       // as the backend gets it
	Timeout    *string           `yaml:"timeout"`    // as Go writes it: 3s, 1m30s; none
	Attempts   *int              `yaml:"attempts"`
	Assert     Strings           `yaml:"assert"` // expressions in CEL that must be true
}

// Weight is a share in percent: a number, or bounds that are included.
type Weight struct {
	Min, Max float64
	text     string
}

// decode reads a number, or {min: , max: }, or {is: , tolerance: }.
func (w *Weight) decode(d *decoder, n *yaml.Node, path []string) {
	if n.Kind == yaml.ScalarNode {
		var v float64
		d.percent(n, path, &v)
		*w = Weight{v - exactly, v + exactly, n.Value + " %"}
		return
	}
	var b struct {
		Min       *float64 `yaml:"min"`
		Max       *float64 `yaml:"max"`
		Is        *float64 `yaml:"is"`
		Tolerance float64  `yaml:"tolerance"`
	}
	before := len(d.wrong)
	d.fields(n, reflect.ValueOf(&b).Elem(), path)
	for _, name := range []string{"min", "max", "is", "tolerance"} {
		if v := child(n, name); v != nil && len(d.wrong) == before {
			d.percent(v, below(path, name), new(float64))
		}
	}
	if len(d.wrong) > before {
		return
	}
	switch {
	case b.Is != nil && b.Min == nil && b.Max == nil:
		*w = Weight{*b.Is - b.Tolerance - exactly, *b.Is + b.Tolerance + exactly, fmt.Sprintf("%g %% ± %g", *b.Is, b.Tolerance)}
	case b.Is == nil && child(n, "tolerance") == nil && (b.Min != nil || b.Max != nil):
		w.between(d, n, path, b.Min, b.Max)
	default:
		d.fail(n, path, "a weight is a number, or has is and tolerance, or min and max")
	}
}

// between sets bounds, of which one may be missing.
func (w *Weight) between(d *decoder, n *yaml.Node, path []string, least, most *float64) {
	*w = Weight{Max: 100}
	if least != nil {
		w.Min = *least
	}
	if most != nil {
		w.Max = *most
	}
	if w.Min > w.Max {
		d.fail(n, path, "min %g is more than max %g: no weight is both", w.Min, w.Max)
	}
	w.text = fmt.Sprintf("%g to %g %%", w.Min, w.Max)
	w.Min, w.Max = w.Min-exactly, w.Max+exactly
}

// percent reads a number from 0 to 100.
func (d *decoder) percent(n *yaml.Node, path []string, to *float64) {
	n = resolved(n)
	if err := n.Decode(to); err != nil || n.Tag == "!!null" || !(*to >= 0 && *to <= 100) {
		d.fail(n, path, "%q is not a number of percent, from 0 to 100", n.Value)
	}
}

// exactly is how far apart two equal percentages may be: weights are in units of 0.01 %.
const exactly = 0.005

// Strings is a string, or a list of them.
type Strings []string

// decode reads either.
func (s *Strings) decode(d *decoder, n *yaml.Node, path []string) {
	if n.Kind == yaml.SequenceNode {
		d.value(n, reflect.ValueOf((*[]string)(s)).Elem(), path)
		return
	}
	*s = Strings{""}
	d.value(n, reflect.ValueOf(&(*s)[0]).Elem(), path)
}
