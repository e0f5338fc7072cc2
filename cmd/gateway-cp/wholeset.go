package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/lint"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/translator"
)

// foreign collects the manifests that gateway-cp does not read, which the checks of the whole set
// know some things from: the labels of a Deployment's Pods, for example.
type foreign struct {
	lock      sync.Mutex
	manifests []lint.Foreign
	routing   []files.Document // of the Gateway API
	owners    *lint.Owners     // see judge
}

func (f *foreign) visit(d files.Document) {
	if _, ours := api.Lookup(d.GVK); ours {
		if d.GVK.Group == gatewayv1.GroupName {
			f.lock.Lock()
			defer f.lock.Unlock()
			f.routing = append(f.routing, files.Document{GVK: d.GVK, Key: d.Key, JSON: bytes.Clone(d.JSON)})
		}
		return
	}
	content := d.Content()
	if content == nil {
		return // not an object: reading it has said so
	}
	m := lint.ReadForeign(content, d.Origin.At(""))
	f.lock.Lock()
	defer f.lock.Unlock()
	f.manifests = append(f.manifests, m)
}

// judge finds out which objects are another controller's business, and leaves out what reading says of
// them, apart from what is wrong with their text: gateway-cp does not have to support what they ask for.
func (f *foreign) judge(loaded *files.Result) []api.Problem {
	f.owners = lint.NewOwners(loaded.Objects, func() []api.Value { return f.refused(loaded.Objects) })
	return slices.DeleteFunc(slices.Clone(loaded.Problems), func(p api.Problem) bool { return !p.Reason.OfReading() && f.owners.IsOthers(p.Object) })
}

// refused gives the objects of the Gateway API that are not admitted, as far as they can be read.
func (f *foreign) refused(admitted []*api.Object) []api.Value {
	there := make(map[api.Key]bool, len(admitted))
	for _, o := range admitted {
		there[o.Key] = true
	}
	var values []api.Value
	for _, d := range f.routing {
		info, _ := api.Lookup(d.GVK)
		value := info.New()
		if d.Key.Namespace == "" && !api.ClusterScoped(info.Kind) {
			d.Key.Namespace = "default"
		}
		if there[d.Key] {
			continue
		}
		_ = json.Unmarshal(d.JSON, value) // what cannot be read has been said
		value.SetNamespace(d.Key.Namespace)
		values = append(values, value)
	}
	return values
}

// wholeSet gives all that is wrong with a set of manifests together: what the translator says, the
// numbers of Services that cannot be had, and what the checks of the whole set say. Said is what reading
// has said, and the foreign manifests have been judged. What needs no translation is found while translated
// makes it.
func wholeSet(objects []*api.Object, f *foreign, said []api.Problem, now time.Time, translated func() *world) []api.Problem {
	found := lint.Check(
		lint.World{
			Objects: objects, Foreign: f.manifests, Said: said,
			Translator: func() *translator.Translator { return translated().translator },
		},
		lint.Options{Now: now},
	)
	found = slices.DeleteFunc(found, func(p api.Problem) bool { return f.owners.IsOthers(p.Object) })
	w := translated()
	return append(found, placed(w.allocations.Problems(), w.object)...)
}
