package schema

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/schema/internal/data"
)

// unknown reports the kinds that have no schema, each once.
func (c *Checker) unknown(kinds map[schema.GroupVersionKind][]Object) []api.Problem {
	var problems []api.Problem
	var known []string
	for gvk, objects := range kinds {
		if gvk.Group == "kustomize.config.k8s.io" {
			continue // a file for kustomize, which no API server sees
		}
		if known == nil {
			known = c.knownKinds()
		}
		similar, builtin := similarKinds(gvk, known), isBuiltinGroup(gvk.Group, known)
		if similar == "" && !builtin && !isEmbeddedGroup(gvk.Group) && c.o.Unknown == Skip {
			continue
		}
		first := slices.MinFunc(objects, func(a, b Object) int { return comparePositions(a.Origin.At(""), b.Origin.At("")) })
		p := api.Problem{
			Object: first.Key, Path: "kind", Reason: api.ReasonUnknownKind, Severity: api.Warning,
			Message: "there is no schema for " + gvkName(gvk), Hint: "give its CRD with --crd",
			Position: first.Origin.At("kind"),
		}
		if hint := api.TestHint(gvk); hint != "" {
			p.Hint, similar = hint, ""
		}
		if similar != "" {
			p.Hint = similar
			if strings.HasPrefix(similar, gvk.Kind+" ") {
				p.Path, p.Position = "apiVersion", first.Origin.At("apiVersion")
			}
			if !builtin {
				p.Hint += "; or give its CRD with --crd"
			}
		}
		if !builtin && isEmbeddedGroup(gvk.Group) {
			p.Message, p.Severity = fmt.Sprintf("there is no kind %s in %s", gvk.Kind, gvk.Group), api.Error
			if similar == "" {
				p.Hint = "correct apiVersion and kind, or give its CRD with --crd"
			}
		}
		if builtin { // where a CRD cannot add any
			p.Message, p.Severity = fmt.Sprintf("Kubernetes %s does not have a %s", Version, gvkName(gvk)), api.Error
			if similar == "" {
				p.Hint = "correct apiVersion and kind"
			}
		}
		if at, there := c.broken[gvk.GroupKind()]; there {
			p.Hint = fmt.Sprintf("correct its CRD in %s, which cannot be used", at)
		}
		if c.o.Unknown == Refuse {
			p.Severity = api.Error
		}
		if n := len(objects); n > 1 {
			p.Message += fmt.Sprintf("; %d objects are not checked against one", n)
		}
		problems = append(problems, p)
	}
	return problems
}

// knownKinds lists kinds as "apps/v1 Deployment". Those that are gone are left out.
func (c *Checker) knownKinds() []string {
	var known []string
	for _, name := range data.Builtin.Keys("K ") {
		apiVersion, k, _ := strings.Cut(name, " ")
		gv, err := schema.ParseGroupVersion(apiVersion)
		if err != nil {
			continue
		}
		if found := builtinKind(gv.WithKind(k)); found != nil && found.shape != nil {
			known = append(known, name)
		}
	}
	for _, text := range []data.Text{data.Ours, c.gatewayAPI()} {
		for _, key := range text.Keys("C ") {
			group, k, _ := strings.Cut(key, " ")
			if json, ok := text.Find("C " + key); ok {
				for _, version := range servedVersions([]byte(json)) {
					known = append(known, group+"/"+version+" "+k)
				}
			}
		}
	}
	for gk, d := range c.own {
		for _, v := range d.internal.Spec.Versions {
			known = append(known, gk.Group+"/"+v.Name+" "+gk.Kind)
		}
	}
	return known
}

// isBuiltinGroup says whether a group is one of Kubernetes itself. Known are kinds as
// "apps/v1 Deployment".
func isBuiltinGroup(group string, known []string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		apiVersion, name, _ := strings.Cut(k, " ")
		gv, err := schema.ParseGroupVersion(apiVersion)
		return err == nil && gv.Group == group && builtinKind(gv.WithKind(name)) != nil
	})
}

// isEmbeddedGroup says whether a group's CRDs are embedded, so that its kinds are known: that of
// gateway-cp, and those of the Gateway API.
func isEmbeddedGroup(group string) bool {
	for _, text := range []data.Text{data.Ours, data.Experimental} {
		if len(text.Keys("C "+group+" ")) > 0 {
			return true
		}
	}
	return false
}
