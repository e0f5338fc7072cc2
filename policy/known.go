package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// known finds names in expectations that nothing has. Such a test could not fail: nothing ever goes to what
// does not exist. It notes each of them, and gives whether there is none.
func (r *run) known() bool {
	before := len(r.failures)
	e := &r.test.Expect
	if e.Service != "" {
		r.knownService(e.Service, "expect", "service")
	}
	for i, name := range e.NotService {
		r.knownService(name, "expect", "notService", strconv.Itoa(i))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Weights)) {
		if strings.Contains(name, "/") {
			r.knownService(name, "expect", "weights", name)
		}
	}
	return len(r.failures) == before
}

func (r *run) knownService(name string, path ...string) {
	names := map[string]bool{}
	for service, ports := range r.world.Ports {
		names[service] = true
		for _, port := range ports {
			names[service+":"+port] = true
		}
	}
	for _, m := range r.world.Models {
		for _, c := range m.Clusters {
			if c.Service.Name != "" {
				service := c.Service.Namespace + "/" + c.Service.Name
				names[service], names[service+":"+c.Port] = true, true
			}
		}
	}
	if names[name] {
		return
	}
	message := fmt.Sprintf("there is no Service %s in the manifests", name)
	if service, port, ok := strings.Cut(name, ":"); ok && names[service] {
		message = fmt.Sprintf("Service %s has no port %s", service, port)
	}
	r.fail(api.ReasonInvalidTest, didYouMean(name, names), path, "%s", message)
}

// knownVersions notes the versions in weights that requests could not go to: those that no Rollout of a
// Service has that they go to, and of a test of all routes those that no Rollout has.
func (r *run) knownVersions(f *facts) bool {
	names := map[string]bool{}
	of := map[string]bool{}
	for _, s := range f.shares() {
		of[s.service] = true
		if s.version != "" {
			names[s.version] = true
		}
	}
	for _, rollout := range r.world.Rollouts {
		if of[rollout.Service] || r.test.ForAll != nil {
			for version := range rollout.Weights {
				names[version] = true
			}
		}
	}
	ok := true
	for _, name := range slices.Sorted(maps.Keys(r.test.Expect.Weights)) {
		if strings.Contains(name, "/") || names[name] {
			continue
		}
		ok = false
		where := "no Rollout has it of a Service that the request goes to: " + f.String()
		if r.test.ForAll != nil {
			where = "no Rollout has it"
		}
		r.fail(api.ReasonInvalidTest, didYouMean(name, names), []string{"expect", "weights", name}, "there is no version %s: %s", name, where)
	}
	return ok
}

func didYouMean(name string, names map[string]bool) string {
	if near := nearest.Name(name, slices.Sorted(maps.Keys(names))); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "what is named here must exist, or the test could not fail"
}
