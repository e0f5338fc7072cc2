package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/xds"
)

// statusTimeout bounds the wait for the main loop, which is busy for seconds at most when very
// many objects have changed.
const statusTimeout = 10 * time.Second

// Status is for the admin socket.
func (c *controlPlane) Status() admin.Status {
	s := c.status(c.xds.Fleet())
	c.replicas.addEnvoys(&s)
	return s
}

// summary is for /metrics, where what Envoys wait for does not matter.
func (c *controlPlane) summary() admin.Status { return c.status(c.xds.Summary()) }

func (c *controlPlane) status(fleet []xds.EnvoyStatus) admin.Status {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	s := admin.Status{
		Version: readBuildInfo().Version, Started: c.started,
		Problems: []api.Problem{}, Envoys: []admin.EnvoyStatus{}, Rollouts: []admin.RolloutStatus{},
	}
	if h, held := c.source.Held(); held {
		s.Held = &admin.Held{Missing: h.Missing, Message: h.Message}
	}
	s.Envoys = c.envoys(ctx, fleet)
	s.RefusedClients = refusedClients(c.xds)
	s.Replica = c.replicas.status()
	c.do(ctx, func() {
		s.Rollouts = c.rollouts.status()
		s.Problems = append(s.Problems, c.problems()...)
		if n := len(c.revisions); n > 0 {
			s.Revision, s.Partly = c.revisions[n-1].name, c.revisions[n-1].partly
		}
	})
	slices.SortFunc(s.Problems, api.Problem.Compare)
	return s
}

// maxListedRefusals is how many refusals of one Envoy are listed one by one, in the log and for people.
const maxListedRefusals = 20

// refusalProblems gives what one Envoy refuses: of much, what it has refused for the longest, so that
// the same stay, and one problem for the others.
func refusalProblems(envoy string, refused []xds.Refusal) []api.Problem {
	oldest := slices.Clone(refused)
	slices.SortStableFunc(oldest, func(a, b xds.Refusal) int { return a.Since.Compare(b.Since) })
	var all []api.Problem
	for _, r := range oldest[:min(len(oldest), maxListedRefusals)] {
		all = append(all, refusalProblem(envoy, r))
	}
	if len(oldest) > maxListedRefusals { // how many says the status: here a number would make another problem each time
		all = append(all, api.Problem{
			Reason:   api.ReasonRefusedByEnvoy,
			Severity: api.Error,
			Message:  fmt.Sprintf("Envoy %s refuses more than these %d resources", envoy, maxListedRefusals),
			Hint:     "gateway-cp fleet " + envoy + " lists all; they often have one cause: see Envoy's messages",
		})
	}
	return all
}

// refusalProblem puts what an Envoy refuses on the object that it comes from.
func refusalProblem(envoy string, r xds.Refusal) api.Problem {
	p := api.Problem{
		Reason:   api.ReasonRefusedByEnvoy,
		Severity: api.Error,
		Message:  "Envoy " + envoy + " refuses the " + r.Type.String() + " " + r.Name + " made from it: " + r.Message,
		Hint:     "it keeps the last good version and tries again from time to time; change what Envoy's message speaks of",
	}
	if strings.Contains(r.Message, "Address already in use") {
		p.Hint = "another process listens there, such as another Envoy: stop it, or choose another port; it is tried again every half minute"
	}
	if len(r.Sources) > 0 {
		p.Object = r.Sources[0]
	}
	return p
}

// twinProblem is of several Envoys with one node id.
func twinProblem(id string, peers []string) api.Problem {
	return api.Problem{
		Reason:   api.ReasonDuplicateNodeID,
		Severity: api.Warning,
		Message:  fmt.Sprintf("%d Envoys say that they are %s: they connect from %s", len(peers), id, strings.Join(peers, ", ")),
		Hint:     "give each its own node.id (bootstrap --node-id); until then what one reports may be taken for what the other does",
	}
}

// hasFleet says whether there is a fleet of the name; "default" needs no object.
func (c *controlPlane) hasFleet(name string) bool {
	return name == v1alpha1.DefaultFleet || c.translator.Object(api.Key{Kind: api.KindFleet, Name: name}) != nil
}

// Confirm lets a held source through, or else a leader that is refused.
func (c *controlPlane) Confirm() error {
	if c.source.Confirm() || c.replicas.confirm() {
		return nil
	}
	return admin.ErrNothingHeld
}

// Ready gives the reasons why this process is not ready to serve Envoys.
func (c *controlPlane) Ready() []string {
	if c.loaded.Load() {
		return nil
	}
	if missing := c.replicas.missing(); missing != "" {
		return []string{missing}
	}
	return c.source.Unread()
}
