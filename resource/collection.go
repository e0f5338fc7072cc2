package resource

import (
	"errors"
	"maps"

	"google.golang.org/protobuf/proto"
)

// Collection remembers the messages of one audience, and says as change sets what becomes of
// them: only what differs. Every change set must reach the server, in order. A Collection is not
// safe for concurrent use.
type Collection struct {
	encoding Encoding
	outputs  map[Ref]map[string]*Output // by part
}

// NewCollection returns a collection without anything in it.
func NewCollection(e Encoding) *Collection {
	return &Collection{encoding: e, outputs: map[Ref]map[string]*Output{}}
}

// Set adds resources, or puts them in the place of those with the same type and name. See
// Encoding.Entries for what may be set. If one of them cannot be, none is: the error names all
// that are to blame.
func (c *Collection) Set(messages ...proto.Message) (ChangeSet, error) {
	return c.set(messages, false)
}

// Replace is Set, and removes all other resources.
func (c *Collection) Replace(messages ...proto.Message) (ChangeSet, error) {
	return c.set(messages, true)
}

// Remove removes resources. Those that are not there are no error. Envoys lose a cluster when
// nothing that they have names it any more, so it may go in one step with what names it.
func (c *Collection) Remove(t Type, names ...string) ChangeSet {
	after := map[Ref]map[string]*Output{}
	for _, name := range names {
		after[Ref{t, name}] = nil
	}
	return c.become(after)
}

func (c *Collection) set(messages []proto.Message, all bool) (ChangeSet, error) {
	after := map[Ref]map[string]*Output{}
	if all {
		for ref := range c.outputs {
			after[ref] = nil
		}
	}
	var errs []error
	for _, m := range messages {
		entries, err := c.encoding.Entries(m)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		parts := make(map[string]*Output, len(entries))
		for _, e := range entries {
			parts[e.Key.Part] = e.Output
		}
		after[Ref{entries[0].Key.Type, entries[0].Key.Name}] = parts
	}
	if len(errs) > 0 {
		return ChangeSet{}, errors.Join(errs...)
	}
	return c.become(after), nil
}

// become takes in what resources are from now on; nil: not there.
func (c *Collection) become(after map[Ref]map[string]*Output) ChangeSet {
	var set ChangeSet
	for ref, parts := range after {
		before := c.outputs[ref]
		key := Key{Type: ref.Type, Audience: c.encoding.Audience, Name: ref.Name}
		for key.Part = range maps.Keys(before) {
			if parts[key.Part] == nil {
				set.Entries = append(set.Entries, Entry{key, nil})
			}
		}
		for part, output := range parts {
			if had := before[part]; had == nil || !had.Same(output) {
				key.Part = part
				set.Entries = append(set.Entries, Entry{key, output})
			} else {
				parts[part] = had
			}
		}
		if parts == nil {
			delete(c.outputs, ref)
		} else {
			c.outputs[ref] = parts
		}
	}
	return set.Sorted()
}
