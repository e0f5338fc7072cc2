package xds

import "github.com/gateway-cp/gateway-cp/resource"

// waits are the resources that cannot be delivered for now, with what they wait for.
type waits struct {
	missing [resource.NumTypes]sparse[[]ref] // by the resource that waits
	// awaited is what is waited for, and perhaps more; come is what of it has changed since the
	// session looked.
	awaited, come [resource.NumTypes]bitset
}

// empty says that nothing waits.
func (w *waits) empty() bool {
	for t := range w.missing {
		if len(w.missing[t].m) > 0 {
			return false
		}
	}
	return true
}

// add has a resource wait for something.
func (w *waits) add(of, what ref) {
	missed, _ := w.missing[of.kind].get(of.id)
	w.missing[of.kind].put(of.id, append(missed, what))
	w.awaited[what.kind].add(what.id)
}

// end ends the waiting of a resource, and calls f with what it has waited for.
func (w *waits) end(of ref, f func(what ref)) {
	missed, ok := w.missing[of.kind].get(of.id)
	if !ok {
		return
	}
	w.missing[of.kind].remove(of.id)
	for _, what := range missed {
		f(what)
	}
	if w.empty() {
		w.awaited = [resource.NumTypes]bitset{}
	}
}

// note notes that something has changed, and says whether it is waited for.
func (w *waits) note(what ref) bool {
	if !w.awaited[what.kind].has(what.id) {
		return false
	}
	w.come[what.kind].add(what.id)
	return true
}

// take calls f with the resources that have waited for what has changed.
func (w *waits) take(f func(of ref)) {
	some := false
	for t := range w.come {
		some = some || w.come[t].n > 0
	}
	if !some {
		return
	}
	w.each(func(of, what ref) {
		if w.come[what.kind].has(what.id) {
			f(of)
		}
	})
	w.come = [resource.NumTypes]bitset{}
}

// each calls f with everything that waits, in no order.
func (w *waits) each(f func(of, what ref)) {
	for t := range w.missing {
		for id, missed := range w.missing[t].m {
			for _, what := range missed {
				f(ref{resource.Type(t), id}, what)
			}
		}
	}
}
