package xds

import "github.com/gateway-cp/gateway-cp/resource"

// repeatAll sends all resources of a type again when an Envoy has taken something that
// subscribes to all of them: a listener with scoped routes. Envoy asks the server only once; if
// the first subscriber is gone (its listener was refused, or has changed), the next one gets
// only what is sent after it, and waits in vain for what was sent before.
func (s *session) repeatAll(r *response, before, now *composed) {
	now.contents(func(c *content) {
		last := before.get(c.part)
		if last != nil && last.hash == c.hash {
			return
		}
		for _, ref := range c.output.Fetches {
			sub := s.subs[ref.Type]
			// A subscription that came after the response is the first, not a silent one.
			if ref.Name != resource.All || sub == nil || !sub.wildcard || sub.since >= r.sent {
				continue
			}
			sub.ids(sub.force)
		}
	})
}
