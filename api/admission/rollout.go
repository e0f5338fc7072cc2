package admission

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func (r *report) rollout(ro *v1alpha1.Rollout) {
	sp := &ro.Spec
	r.serviceTarget(spec.Child("targetRef"), sp.TargetRef, "name the Service whose traffic is split")
	names := map[string]int{}
	if ro.FollowsSelector() {
		r.followsSelector(sp)
	} else {
		names = r.versions(sp.Versions)
	}
	if sp.Stickiness != nil {
		r.stickiness(spec.Child("stickiness"), sp.Stickiness, sp.BlueGreen != nil)
	}
	r.hooks(sp)
	r.notifications(sp.Notifications)
	r.order(ro)
	var strategies []string
	if sp.Traffic != nil {
		strategies = append(strategies, "traffic")
	}
	if sp.BlueGreen != nil {
		strategies = append(strategies, "blueGreen")
	}
	if sp.Canary != nil {
		strategies = append(strategies, "canary")
	}
	switch {
	case len(strategies) == 0:
		r.fail(spec, api.ReasonMissingField, "add traffic: {VERSION: 100}, blueGreen: {active: VERSION} or canary: {to: VERSION, steps: […]}",
			"one of traffic, blueGreen and canary is required")
	case len(strategies) > 1:
		r.fail(spec.Child(strategies[1]), api.ReasonInvalidField, "keep one of them", "cannot be used together with spec.%s", strategies[0])
	case sp.Canary != nil:
		r.canary(sp.Canary, names)
	case sp.BlueGreen != nil:
		r.blueGreen(sp.BlueGreen, names)
	default:
		r.traffic(sp.Traffic, names)
	}
}

// versions checks the list and gives the names in it.
func (r *report) versions(versions []v1alpha1.Version) map[string]int {
	at := spec.Child("versions")
	r.atMost(at, len(versions), 16)
	names := map[string]int{}
	for i, v := range versions {
		name := at.Index(i).Child("name")
		if first, again := names[v.Name]; again {
			r.duplicate(name, at.Index(first).Child("name"), "the name %q", v.Name)
		} else {
			names[v.Name] = i
			r.name(name, v.Name, true)
			if v.Name == v1alpha1.SelectorVersion {
				r.fail(name, api.ReasonInvalidField, "choose another name", "%q is what versions of a Rollout without versions of its own are called", v.Name)
			}
		}
		selector := at.Index(i).Child("selector")
		if len(v.Selector) == 0 {
			r.missing(selector, "give the labels that set this version apart, such as version: "+v.Name)
		}
		r.labels(selector, v.Selector)
		for j := range i {
			if len(v.Selector) > 0 && maps.Equal(v.Selector, versions[j].Selector) {
				r.warn(selector, api.ReasonInvalidField, "give each version labels of its own", "selects the same endpoints as %s", at.Index(j))
			}
		}
	}
	return names
}

// followsSelector refuses what names a version where there are none.
func (r *report) followsSelector(sp *v1alpha1.RolloutSpec) {
	const hint = "leave %s out: the traffic goes to what the selector of the Service selects; or list the versions under spec.versions, each with a name and a selector"
	refuse := func(is bool, what string, at *field.Path) {
		if is {
			r.fail(at, api.ReasonInvalidField, fmt.Sprintf(hint, what), "there are no versions to name one of")
		}
	}
	if bg := sp.BlueGreen; bg != nil {
		refuse(bg.Active != "", "it", spec.Child("blueGreen", "active"))
		refuse(bg.Together != "", "together", spec.Child("blueGreen", "together"))
		refuse(bg.Preview != nil, "preview", spec.Child("blueGreen", "preview", "version"))
	}
	if c := sp.Canary; c != nil {
		refuse(c.To != "", "it", spec.Child("canary", "to"))
		refuse(c.From != "", "it", spec.Child("canary", "from"))
	}
	if sp.Traffic != nil {
		r.missing(spec.Child("versions"), "list the versions, each with a name and a selector; without them there is nothing to split by hand")
	}
}

// traffic asks that every share belongs to a version and that they sum to exactly 100.
func (r *report) traffic(traffic map[string]v1alpha1.Percent, names map[string]int) {
	at := spec.Child("traffic")
	r.atMost(at, len(traffic), 16)
	if len(traffic) == 0 {
		r.missing(at, "give a version its share, such as VERSION: 100")
		return
	}
	sum, complete := int32(0), true
	for _, name := range slices.Sorted(maps.Keys(traffic)) {
		r.knownVersion(at.Key(name), name, names)
		weight, err := traffic[name].Weight()
		if err != nil {
			r.fail(at.Key(name), api.ReasonInvalidWeights, "use an integer, or a string such as \"99.95\"", "%v", err)
			complete = false
		}
		sum += weight
	}
	if complete && sum != v1alpha1.WeightTotal {
		r.fail(at, api.ReasonInvalidWeights, "change the shares so that they sum to exactly 100", "the shares sum to %s", percent(sum))
	}
}

// percent writes a weight as a percentage.
func percent(weight int32) string {
	return strconv.FormatFloat(float64(weight)*100/v1alpha1.WeightTotal, 'f', -1, 64)
}

// knownVersion asks that name is in the list. An empty list is a problem of its own.
func (r *report) knownVersion(at *field.Path, name string, names map[string]int) {
	if _, ok := names[name]; ok || len(names) == 0 {
		return
	}
	hint := "use one of " + strings.Join(slices.Sorted(maps.Keys(names)), ", ") + ", or list it under spec.versions"
	r.fail(at, api.ReasonInvalidField, hint, "there is no version %q", name)
}

func (r *report) blueGreen(bg *v1alpha1.BlueGreen, names map[string]int) {
	at := spec.Child("blueGreen")
	switch {
	case bg.Active != "":
		r.knownVersion(at.Child("active"), bg.Active, names)
	case len(names) > 0:
		r.missing(at.Child("active"), "name the version that shall have the traffic")
	}
	r.minHealthy(at.Child("minHealthy"), *bg.MinHealthy)
	r.notNegative(at.Child("holdOld"), bg.HoldOld)
	r.notNegative(at.Child("deadline"), bg.Deadline)
	if bg.Together != "" {
		r.name(at.Child("together"), bg.Together, true)
	}
	if bg.Preview != nil {
		r.preview(at.Child("preview"), bg.Preview, names)
	}
}

var percentShape = regexp.MustCompile(`^(100|[0-9]{1,2})%$`)

// minHealthy checks a number of endpoints, or a percentage from 0% to 100%.
func (r *report) minHealthy(at *field.Path, v intstr.IntOrString) {
	if v.Type == intstr.Int {
		if v.IntVal < 0 {
			r.fail(at, api.ReasonInvalidField, "use 0 or more", "%d is negative", v.IntVal)
		}
		return
	}
	if !percentShape.MatchString(v.StrVal) {
		r.fail(at, api.ReasonInvalidField, "use a number such as 2, or a whole percentage from \"0%\" to \"100%\"", "%q is neither a number nor a percentage", v.StrVal)
	}
}

// notNegative checks a duration, which may be left out.
func (r *report) notNegative(at *field.Path, d *metav1.Duration) {
	if d != nil && d.Duration < 0 {
		r.fail(at, api.ReasonInvalidField, "use 0s or more", "%s is negative", d.Duration)
	}
}
