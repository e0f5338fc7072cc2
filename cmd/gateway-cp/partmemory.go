package main

import (
	"encoding/json"
	"fmt"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/state"
)

// partMemory keeps what stands in for parts that Envoys refuse in the state store. It
// implements xds.Memory.
type partMemory struct{ db *state.Store }

// keptPart is what is stored; Key is repeated in it, since it is no string.
type keptPart struct {
	Key    resource.Key
	Output *resource.Output
}

// Recall calls f with everything that is kept.
func (m partMemory) Recall(f func(resource.Key, *resource.Output)) error {
	return m.db.Each(state.Parts, func(name string, data []byte) error {
		var p keptPart
		if err := json.Unmarshal(data, &p); err != nil {
			return fmt.Errorf("stored part %s: %w", name, err)
		}
		f(p.Key, p.Output)
		return nil
	})
}

// Keep keeps an output; nil forgets it.
func (m partMemory) Keep(k resource.Key, o *resource.Output) error {
	name := fmt.Sprintf("%d/%d/%s/%s/%s", k.Type, k.Audience.Scope, k.Audience.Name, k.Name, k.Part)
	if o == nil {
		return m.db.Delete(state.Parts, name)
	}
	return m.db.Put(state.Parts, name, keptPart{k, o})
}
