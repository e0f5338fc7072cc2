package xds

import (
	"fmt"

	"google.golang.org/grpc/codes"
)

// subscriptions is how many names the Envoy is subscribed to.
func (s *session) subscriptions() int {
	n := 0
	for _, sub := range s.subs {
		if sub != nil {
			n += sub.names.n
		}
	}
	return n
}

// checkSubscriptions refuses a stream with too many names.
func (g *guard) checkSubscriptions(n int) error {
	if limit := g.limits.Subscriptions; limit > 0 && n > limit {
		return &refusalStatus{ForSubscriptions, codes.ResourceExhausted,
			fmt.Sprintf("the stream subscribes to %d names, more than %d (--xds-max-subscriptions)", n, limit)}
	}
	return nil
}
