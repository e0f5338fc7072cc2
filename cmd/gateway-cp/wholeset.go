package main

import (
	"sync"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/lint"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// foreign collects the manifests that gateway-cp does not read, which the checks of the whole set
// know some things from: the labels of a Deployment's Pods, for example.
type foreign struct {
	lock      sync.Mutex
	manifests []lint.Foreign
}

func (f *foreign) visit(d files.Document) {
	if _, ours := api.Lookup(d.GVK); ours {
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

// wholeSet gives all that is wrong with a set of manifests together: what the translator says, the
// numbers of Services that cannot be had, and what the checks of the whole set say. Said is what reading has said.
func (w *world) wholeSet(f *foreign, said []api.Problem, now time.Time) []api.Problem {
	found := lint.Check(
		lint.World{Objects: w.Objects, Foreign: f.manifests, Translator: w.translator, Said: said},
		lint.Options{Now: now},
	)
	return append(found, placed(w.allocations.Problems(), w.object)...)
}
