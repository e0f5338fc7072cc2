package lint

import (
	"slices"
	"sync"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/translator"
)

// World is the set of objects that is looked at.
type World struct {
	// Objects are the admitted ones, in any order.
	Objects []*api.Object
	// Foreign are the manifests beside them that gateway-cp does not read, such as Deployments.
	Foreign []Foreign
	// Translator gives one that holds the same objects. It may take its time: only what asks it waits.
	Translator func() *translator.Translator
	// Said is what has been said about single objects before, so that nothing is said twice.
	Said []api.Problem
}

// Foreign is what the checks ask of a manifest of a kind that gateway-cp does not read.
type Foreign struct {
	key      api.Key
	promised string       // the Secret that other software makes from it
	template *podTemplate // of a Deployment and its like
}

// Options say how to look.
type Options struct {
	// Now is the time that certificates are judged at.
	Now time.Time
	// ExpiringWithin is how long before its end a certificate is warned of; 0: 30 days.
	ExpiringWithin time.Duration
	// Off are reasons that are not looked for.
	Off map[api.Reason]bool
}

// Check gives what is wrong with the set, sorted, each once: what the translator says, without
// what only a running control plane can know, and what the checks find. Positions are filled
// in. It changes nothing.
func Check(w World, o Options) []api.Problem {
	if o.ExpiringWithin == 0 {
		o.ExpiringWithin = 30 * 24 * time.Hour
	}
	c := newShared(w, o)
	looks := []func(*checker){takeTranslated}
	for _, check := range checks() {
		if !allOff(check.reasons, o.Off) {
			looks = append(looks, check.run)
		}
	}
	found := make([][]api.Problem, len(looks))
	var group sync.WaitGroup
	for i, look := range looks {
		group.Go(func() {
			one := &checker{shared: c}
			look(one)
			found[i] = one.problems
		})
	}
	group.Wait()
	problems := slices.Concat(found...)
	slices.SortFunc(problems, api.Problem.Compare)
	return slices.Compact(problems)
}

func allOff(reasons []api.Reason, off map[api.Reason]bool) bool {
	return !slices.ContainsFunc(reasons, func(r api.Reason) bool { return !off[r] })
}
