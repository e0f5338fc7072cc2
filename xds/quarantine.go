package xds

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// atom is the smallest unit that can be refused: one content of one resource.
type atom struct {
	kind resource.Type
	name string
	part string
	hash hash
}

// together is the part of an atom that stands for the whole of a resource: for contents that
// are taken one by one, but not all of them at once, or not without one that is gone.
const together = "\x00"

// refusal is a content that an Envoy has refused. It is held back until it changes, or until
// the next try.
type refusal struct {
	message string
	output  *resource.Output // what was refused
	since   time.Time
	retry   time.Time
	// again: it is being tried once more, and stays refused until that is accepted.
	again bool
	// head is what it was refused with: of a part, the fault may be there.
	head hash
	// target is what the resource was to be; for what is refused together.
	target *composed
}

// isHeldBack says whether a content has been refused, or is under suspicion.
func (s *session) isHeldBack(of of, c *content) bool {
	sub := s.subs[of.kind]
	if len(s.refused) == 0 && len(sub.suspects) == 0 {
		return false
	}
	a := atom{of.kind, of.name, c.part, c.hash}
	if r, ok := s.refused[a]; ok && !r.again {
		return true
	}
	_, suspect := sub.suspects[a]
	_, trying := sub.trying[a]
	return suspect && !trying
}

// isRefusedTogether says whether exactly this version was refused though nothing in it was.
func (s *session) isRefusedTogether(of of, c *composed) bool {
	if len(s.refused) == 0 && len(s.subs[of.kind].suspects) == 0 {
		return false
	}
	return s.isHeldBack(of, c.together())
}

// together is the content that stands for the whole.
func (c *composed) together() *content {
	all := &resource.Output{}
	c.contents(func(p *content) {
		all.Sources = append(all.Sources, p.output.Sources...)
		all.Clusters = append(all.Clusters, p.output.Clusters...)
	})
	return &content{part: together, output: all, hash: hashOf([]byte(c.version))}
}

// refuse narrows a refused response down to what is to blame. Envoy's message may name
// nothing, and it may or may not have taken the rest: so everything new in the response is
// tried again, in halves, until a single content is left.
func (s *session) refuse(r *response, message string) {
	sub := s.sub(r.kind)
	var atoms []atom
	outputs := map[atom]*resource.Output{}
	var again []uint32
	dropped := false
	for _, c := range r.items {
		h, ok := s.held(r.kind, c.id)
		if !ok || r.isAdrift(c) {
			dropped = true // it may be to blame, and will not come again
			continue
		}
		if h.acked != nil && h.acked.version == c.version {
			again = append(again, c.id) // it has it already, so that is not to blame
			continue
		}
		for _, p := range suspectIn(h, c) {
			a := atom{r.kind, c.name, p.part, p.hash}
			atoms = append(atoms, a)
			outputs[a] = p.output
		}
		h.maybe = append(slices.DeleteFunc(slices.Clone(h.maybe), func(m *composed) bool { return m == c }), c)
		if s.goesBack(r.kind, h, c) {
			h.sent = h.acked // as Envoy has
			if r.kind == resource.Cluster && h.acked == nil && h.unknown == "" {
				s.clusters.remove(c.id)
			}
		}
		s.setHeld(r.kind, c.id, h)
		sub.touch(c.id)
		if r.kind == resource.Endpoint && s.awaitsEndpoints(c.id) {
			sub.force(c.id) // to be answered, also if they are gone meanwhile
		}
	}
	s.stays(r)
	if r.kind == resource.Cluster && len(s.unsure) > 0 {
		sub.greet = true // something that can be acknowledged
	}
	if len(atoms) > 0 || dropped { // else the same would be refused again, and again
		for _, id := range again {
			sub.force(id) // it was sent once more for a reason
		}
	}
	if len(atoms) == 0 {
		return
	}
	trials := split(atoms)
	if trials == nil {
		a := atoms[len(atoms)-1]
		s.condemn(a, message, outputs[a])
		if r.kind == resource.Endpoint {
			sub.force(s.store.names.find(a.name)) // to be answered, if only with nothing
		}
		return
	}
	for _, trial := range trials {
		sub.try(trial)
	}
}

// try puts contents under suspicion, to be tried together, without the others.
func (s *subscription) try(trial []atom) {
	for _, a := range trial {
		s.suspects[a] = struct{}{}
	}
	s.trials = append(s.trials, trial)
}

// stays notes that nothing was taken away by a response that was refused.
func (s *session) stays(r *response) {
	for _, name := range r.removed {
		id := s.store.names.find(name)
		if h, ok := s.held(r.kind, id); ok {
			h.removing = false
			s.setHeld(r.kind, id, h)
			s.subs[r.kind].touch(id)
		}
	}
}

// condemn holds back what was found to be to blame.
func (s *session) condemn(a atom, message string, output *resource.Output) {
	target := s.store.find(s.audiences, a.kind, a.name)
	r := &refusal{message: message, output: output, since: s.now(), retry: s.now().Add(retryTime), target: target}
	if before, ok := s.refused[a]; ok {
		r.since = before.since
	}
	if target != nil {
		r.head = target.head.hash
	}
	s.refused[a] = r
	s.retries.note(r.retry)
	if len(s.refused) <= maxRetries+1 { // of more, when everything has been answered
		s.refusalsChanged()
	}
	s.keepGood(a)
}

// suspectIn gives what may be to blame for the refusal of a version: what is new in it. It is
// the whole if nothing is new, for then something is missing; and if it is not known what the
// Envoy has, for then nothing in it can be tried by itself without losing the rest.
func suspectIn(h held, c *composed) []*content {
	var new []*content
	if h.unknown == "" {
		c.contents(func(p *content) {
			if last := h.acked.get(p.part); last == nil || last.hash != p.hash {
				new = append(new, p)
			}
		})
	}
	if len(new) == 0 {
		new = append(new, c.together())
	}
	return new
}

// tried ends a trial: what of it is not in the response (nil: nothing is) could not be tried.
// It waits for a head that is under suspicion itself, or is not needed any more.
func (s *session) tried(t resource.Type, trial []atom, r *response) {
	if len(trial) == 0 {
		return
	}
	sub := s.subs[t]
	sub.trying = nil
	out := map[atom]struct{}{}
	for _, c := range r.items {
		s.atoms(t, c, func(a atom) { out[a] = struct{}{} })
	}
	var again []atom
	for _, a := range trial {
		if _, ok := out[a]; ok {
			continue
		}
		if head := s.store.find(s.audiences, t, a.name).get(""); a.part != "" && head != nil {
			if _, ok := sub.suspects[atom{t, a.name, "", head.hash}]; ok {
				again = append(again, a)
				continue
			}
		}
		delete(sub.suspects, a)
		s.absolve(a)
		sub.touch(s.store.names.find(a.name))
		s.holdWhole(t, a.name)
	}
	if len(again) > 0 {
		sub.trials = append(sub.trials, again)
	}
}

// holdWhole holds back the version that the Envoy has refused last, if it has nothing in place of it and
// nothing of it could be tried by itself: what stands in for the rest was refused before. Without
// that it would be sent at once, and refused, over and over.
func (s *session) holdWhole(t resource.Type, name string) {
	h, _ := s.held(t, s.store.names.find(name))
	if h.sent != nil || len(h.maybe) == 0 {
		return
	}
	all := h.maybe[len(h.maybe)-1].together()
	s.condemn(atom{t, name, together, all.hash}, "it was refused, and no part of it could be tried by itself", all.output)
}

// acquit ends all suspicion about what was in a response that was answered; a refusal raises
// it again.
func (s *session) acquit(r *response) {
	sub := s.subs[r.kind]
	if len(sub.suspects) == 0 {
		return
	}
	for _, c := range r.items {
		s.atoms(r.kind, c, func(a atom) {
			if _, ok := sub.suspects[a]; ok {
				delete(sub.suspects, a)
				sub.touch(c.id)
			}
		})
	}
}

// forgive forgets refused fallbacks of what an Envoy has accepted: they are of no use now.
func (s *session) forgive(t resource.Type, c *composed) {
	if len(s.refused) == 0 {
		return
	}
	c.contents(func(p *content) {
		if p.fallback != nil {
			delete(s.refused, atom{t, c.name, p.part, p.fallback.hash})
		}
	})
}

// atoms calls f with everything in a version that can be refused.
func (s *session) atoms(t resource.Type, c *composed, f func(atom)) {
	c.contents(func(p *content) { f(atom{t, c.name, p.part, p.hash}) })
	f(atom{t, c.name, together, c.together().hash})
}

// goesBack says whether a refusal returns a resource to the version before the refused one: unless
// a newer one is on its way, or the same once more.
func (s *session) goesBack(t resource.Type, h held, refused *composed) bool {
	onItsWay := func(r *response) bool { return slices.Contains(r.items, refused) }
	return h.sent == refused && !slices.ContainsFunc(s.subs[t].inflight, onItsWay)
}

// split cuts suspects in two; nil when they cannot be cut, and the last of them is to blame.
// Resources stay together as long as there are several. The head of a single one stays with the
// first of its parts: alone it may be refused for having none.
func split(atoms []atom) [][]atom {
	first, last := atoms[0].name, atoms[len(atoms)-1].name
	at := len(atoms) / 2
	switch {
	case len(atoms) == 1 || len(atoms) == 2 && first == last && atoms[0].part == "":
		return nil
	case first == last && atoms[0].part == "":
		at = (len(atoms) + 1) / 2
	case first != last:
		// Move the cut to the nearest border between two resources.
		up, down := at, at
		for up < len(atoms) && atoms[up].name == atoms[up-1].name {
			up++
		}
		for down > 0 && atoms[down].name == atoms[down-1].name {
			down--
		}
		if at = down; down == 0 {
			at = up
		}
	}
	return [][]atom{atoms[:at], atoms[at:]}
}

func (a atom) compare(b atom) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.part, b.part), bytes.Compare(a.hash[:], b.hash[:]))
}

// stands says whether what was refused is still what a resource shall be made of.
func (s *session) stands(a atom, r *refusal, target *composed) bool {
	if a.part == together {
		return target != nil && target == r.target
	}
	if a.part == replacedPart && target != nil {
		going, _ := s.replaced.get(target.id)
		return going != nil && going.target == target && going.whole.get(replacedPart) != nil && going.whole.get(replacedPart).hash == a.hash
	}
	p := target.get(a.part)
	if p == nil || a.part != "" && target.head.hash != r.head {
		return false
	}
	if p.hash == a.hash || p.fallback != nil && p.fallback.hash == a.hash {
		return true
	}
	// What stood in for it would be sent again at once, and refused again.
	good := s.good(of{ref{a.kind, target.id}, a.name}, a.part)
	return good != nil && good.isThere() && good.hash == a.hash
}
