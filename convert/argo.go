package convert

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// argo converts a Rollout of Argo Rollouts.
func (c *conversion) argo(o object) {
	c.account(o, argoRollout)
	spec := o.in("spec")
	canary, blueGreen := spec.in("strategy", "canary"), spec.in("strategy", "blueGreen")
	service := cmp.Or(canary.text("stableService"), blueGreen.text("activeService"), o.in("metadata").text("name"))
	r := c.start(o, service)
	if blueGreen != nil {
		c.argoBlueGreen(o, r, blueGreen)
		return
	}
	r.Spec.Canary = &v1alpha1.Canary{To: "stable", HoldOld: canary.lasting("scaleDownDelaySeconds")}
	if spec.text("progressDeadlineAbort") == "true" {
		r.Spec.Canary.ProgressDeadline = spec.lasting("progressDeadlineSeconds")
	}
	for i, s := range canary.list("steps") {
		path := at("spec.strategy.canary.steps", i)
		if step, ok := c.argoStep(o, s, path); ok {
			r.Spec.Canary.Steps = append(r.Spec.Canary.Steps, step)
		}
		if s.has("analysis") {
			r.Spec.Canary.Analysis = &v1alpha1.CanaryAnalysis{}
			c.templateHooks(o, r, s.in("analysis"), path+".analysis", v1alpha1.HookDuring)
		}
	}
	if canary.has("analysis") {
		r.Spec.Canary.Analysis = &v1alpha1.CanaryAnalysis{}
		c.templateHooks(o, r, canary.in("analysis"), "spec.strategy.canary.analysis", v1alpha1.HookDuring)
	}
}

func (c *conversion) argoStep(o, s object, path string) (step v1alpha1.CanaryStep, ok bool) {
	switch {
	case s.has("setWeight"):
		n, known := s.number("setWeight")
		step.Weight = share(n)
		return step, known
	case s.has("pause"):
		step.Pause = &v1alpha1.CanaryPause{Duration: s.in("pause").lasting("duration")}
		if s.in("pause").has("duration") && step.Pause.Duration == nil {
			c.note(o, path+".pause.duration", true, "%q cannot be read: the step waits until it is promoted", s.in("pause").text("duration"))
		}
		return step, true
	case s.has("analysis"):
		step.Analysis = &v1alpha1.CanaryAnalysisStep{}
		return step, true
	case s.has("setHeaderRoute"):
		step.Match = []v1alpha1.RequestMatch{}
		var match v1alpha1.RequestMatch
		for _, m := range s.in("setHeaderRoute").list("match") {
			if v, known := valueMatch(m.text("headerName"), m.in("headerValue")); known {
				match.Headers = append(match.Headers, v)
			}
		}
		if len(match.Headers) > 0 {
			step.Match = append(step.Match, match)
		}
		return step, true
	case s.has("setMirrorRoute"):
		mirror := s.in("setMirrorRoute")
		if mirror.list("match") == nil {
			return v1alpha1.CanaryStep{Mirror: &v1alpha1.Mirror{Percent: *share(0)}}, true
		}
		percent := 100.0
		if n, known := mirror.number("percentage"); known {
			percent = n
		}
		step.Mirror = &v1alpha1.Mirror{Percent: *share(percent)}
		for _, m := range mirror.list("match") {
			if method := m.in("method").text("exact"); method != "" && !slices.Contains(step.Mirror.Methods, method) {
				step.Mirror.Methods = append(step.Mirror.Methods, method)
			}
		}
		return step, true
	}
	return step, false
}

// valueMatch reads {exact, regex, prefix}, as both write it; false: it has none of them.
func valueMatch(name string, value object) (v1alpha1.ValueMatch, bool) {
	m := v1alpha1.ValueMatch{Name: strings.ToLower(name)}
	switch {
	case value.text("exact") != "":
		m.Value = value.text("exact")
	case value.text("regex") != "":
		m.Type, m.Value = v1alpha1.MatchRegex, value.text("regex")
	case value.text("prefix") != "":
		m.Type, m.Value = v1alpha1.MatchRegex, regexp.QuoteMeta(value.text("prefix"))+".*"
	}
	return m, m.Value != "" && name != ""
}

func (c *conversion) argoBlueGreen(o object, r *v1alpha1.Rollout, from object) {
	r.Spec.BlueGreen = &v1alpha1.BlueGreen{Active: "stable", HoldOld: from.lasting("scaleDownDelaySeconds")}
	if preview := from.text("previewService"); preview != "" {
		r.Spec.BlueGreen.Preview = &v1alpha1.Preview{Version: "canary", Match: []v1alpha1.RequestMatch{
			{Headers: []v1alpha1.ValueMatch{{Name: "x-preview", Value: "canary"}}}, {Hosts: []string{preview}},
		}}
	}
	c.templateHooks(o, r, from.in("prePromotionAnalysis"), "spec.strategy.blueGreen.prePromotionAnalysis", v1alpha1.HookBefore)
	c.templateHooks(o, r, from.in("postPromotionAnalysis"), "spec.strategy.blueGreen.postPromotionAnalysis", v1alpha1.HookAfter)
}

// templateHooks makes hooks of the metrics in templates that ask a web service.
func (c *conversion) templateHooks(o object, r *v1alpha1.Rollout, analysis object, path string, when v1alpha1.HookMoment) {
	for i, ref := range analysis.list("templates") {
		kind := "AnalysisTemplate"
		if ref.text("clusterScope") == "true" {
			kind = "ClusterAnalysisTemplate"
		}
		template, ok := c.templates[kind+"/"+ref.text("templateName")]
		if !ok {
			c.note(o, at(path+".templates", i), true, "%s %s is not among the manifests", kind, ref.text("templateName"))
			continue
		}
		values := map[string]string{}
		for _, args := range [][]object{template.in("spec").list("args"), analysis.list("args")} {
			for _, a := range args {
				if a.has("value") {
					values[a.text("name")] = a.text("value")
				}
			}
		}
		for _, m := range template.in("spec").list("metrics") {
			c.metricHook(template, r, m, values, when)
		}
	}
}

var argument = regexp.MustCompile(`\{\{\s*args\.([-\w]+)\s*\}\}`)

func (c *conversion) metricHook(template object, r *v1alpha1.Rollout, m object, values map[string]string, when v1alpha1.HookMoment) {
	web := m.in("provider", "web")
	if web == nil {
		return // the table says so
	}
	missing := ""
	url := argument.ReplaceAllStringFunc(web.text("url"), func(s string) string {
		name := argument.FindStringSubmatch(s)[1]
		value, ok := values[name]
		if !ok {
			missing = name
		}
		return value
	})
	if missing != "" || strings.Contains(url, "{{") {
		c.note(template, "spec.metrics[].provider.web.url", true, "the address of %s needs a value that is not in the manifests: %s", m.text("name"), cmp.Or(missing, url))
		return
	}
	h := v1alpha1.Hook{When: when, URL: url, Timeout: web.lasting("timeoutSeconds"), Interval: m.lasting("interval")}
	if n, ok := m.number("consecutiveErrorLimit"); ok {
		h.Retries = retries(n)
	}
	addHook(r, m.text("name"), h)
}

func retries(n float64) *int32 {
	i := int32(min(max(n, 0), 100))
	return &i
}

var notInNames = regexp.MustCompile(`[^-a-z0-9]+`)

// addHook gives a hook a name that no other one has.
func addHook(r *v1alpha1.Rollout, name string, h v1alpha1.Hook) {
	name = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
	name = cmp.Or(strings.Trim(name[:min(len(name), 60)], "-"), string(h.When))
	h.Name = name
	for n := 2; slices.ContainsFunc(r.Spec.Hooks, func(other v1alpha1.Hook) bool { return other.Name == h.Name }); n++ {
		h.Name = name + "-" + strconv.Itoa(n)
	}
	r.Spec.Hooks = append(r.Spec.Hooks, h)
}
