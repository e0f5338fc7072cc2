package replica

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	grpcstatus "google.golang.org/grpc/status"
)

// errSilent: the leader has said nothing for too long.
var errSilent = errors.New("it has said nothing for " + silence.String())

// refusedError: the leader is there and is not followed.
type refusedError struct{ error }

// problemOf writes an error for people.
func problemOf(err error) string {
	if err == nil {
		return "the connection has ended"
	}
	if s, ok := grpcstatus.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}

// says is what a Follower has to say: the present, and which of it the leader has not been told.
type says struct {
	mu       sync.Mutex
	bell     chan struct{}
	nodes    []Node
	clusters map[string]ClusterReport
	effect   Effect

	newNodes, newEffect bool
	dirty               map[string]struct{}
	answers             []answer
	load                map[loadKey]Load // as it was told last
	base                bool             // it was told at all
}

func newSays() says {
	return says{
		bell: make(chan struct{}, 1), clusters: map[string]ClusterReport{},
		dirty: map[string]struct{}{}, load: map[loadKey]Load{},
	}
}

// again has everything told: there is a new stream.
func (s *says) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newNodes, s.newEffect, s.base, s.answers = true, true, false, nil
	s.load = map[loadKey]Load{}
	clear(s.dirty)
	for c := range s.clusters {
		s.dirty[c] = struct{}{}
	}
	ring(s.bell)
}

func (s *says) answer(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
	ring(s.bell)
}

// Observed has the leader told of all Envoys that are connected, and of clusters whose state on
// them may have changed; nil for those that are gone. Both must be of the same moment, the nodes
// no newer than the clusters.
func (f *Follower) Observed(all []Node, clusters map[string]*ClusterReport) {
	s := &f.says
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(all, s.nodes) {
		s.nodes, s.newNodes = slices.Clone(all), true
	}
	for c, r := range clusters {
		before, there := s.clusters[c]
		switch {
		case r == nil && !there || r != nil && there && reflect.DeepEqual(*r, before):
			continue
		case r == nil:
			delete(s.clusters, c)
		default:
			s.clusters[c] = *r
		}
		s.dirty[c] = struct{}{}
	}
	if s.newNodes || len(s.dirty) > 0 {
		ring(s.bell)
	}
}

// InEffect has the leader told what is.
func (f *Follower) InEffect(e Effect) {
	s := &f.says
	s.mu.Lock()
	defer s.mu.Unlock()
	if !reflect.DeepEqual(e, s.effect) {
		s.effect, s.newEffect = e, true
		ring(s.bell)
	}
}

// send tells the leader what there is to tell, as it comes, until ctx or the stream ends.
func (f *Follower) send(ctx context.Context, stream grpc.ClientStream) {
	loads := time.NewTicker(loadInterval)
	defer loads.Stop()
	load := f.o.Load()
	for {
		if m, some := f.says.next(load); some {
			if err := stream.SendMsg(&m); err != nil {
				return // the reason comes with Recv
			}
		}
		load = nil
		select {
		case <-f.says.bell:
		case <-loads.C:
			load = f.o.Load()
		case <-ctx.Done():
			return
		}
	}
}

// next is what there is to tell now, with load that was just read, if any.
func (s *says) next(load []Load) (m toLeader, some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newNodes {
		m.Nodes = &nodes{s.nodes}
	}
	if len(s.dirty) > 0 {
		m.Clusters = map[string]*ClusterReport{}
		for c := range maps.Keys(s.dirty) {
			m.Clusters[c] = nil
			if r, there := s.clusters[c]; there {
				m.Clusters[c] = &r
			}
		}
		clear(s.dirty)
	}
	if s.newEffect {
		effect := s.effect
		m.Effect = &effect
	}
	s.newNodes, s.newEffect = false, false
	if len(s.answers) > 0 {
		m.Answer = &s.answers[0]
		s.answers = s.answers[1:]
		if len(s.answers) > 0 {
			ring(s.bell)
		}
	}
	m.Load = s.loadNow(load)
	return m, m.Nodes != nil || m.Clusters != nil || m.Effect != nil || m.Answer != nil || m.Load != nil
}

// loadNow is the load that has changed.
func (s *says) loadNow(load []Load) *loadReport {
	r := &loadReport{Base: !s.base}
	for _, l := range load {
		k := loadKey{l.Fleet, l.Cluster}
		if s.load[k] != l {
			s.load[k] = l
			r.Load = append(r.Load, l)
		}
	}
	if !r.Base && len(r.Load) == 0 {
		return nil
	}
	s.base = true
	return r
}

// Held gives what was said last to be held: Rollouts and why.
func (f *Follower) Held() map[string]string {
	f.says.mu.Lock()
	defer f.says.mu.Unlock()
	return maps.Clone(f.says.effect.Held)
}
