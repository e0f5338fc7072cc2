package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/xds"
)

// statusTimeout bounds the wait for the main loop, which is busy for seconds at most when very
// many objects have changed.
const statusTimeout = 10 * time.Second

// Status is for the admin socket.
func (c *controlPlane) Status() admin.Status {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	s := admin.Status{
		Version: readBuildInfo().Version, Started: c.started,
		Problems: []api.Problem{}, Envoys: []admin.EnvoyStatus{}, Rollouts: []admin.RolloutStatus{},
	}
	if h, held := c.source.Held(); held {
		s.Held = &admin.Held{Missing: h.Missing, Message: h.Message}
	}
	fleet := c.xds.Fleet()
	c.do(ctx, func() {
		s.Rollouts = c.rollouts.status()
		s.Problems = append(s.Problems, c.problems()...)
		if n := len(c.revisions); n > 0 {
			s.Revision, s.Partly = c.revisions[n-1].name, c.revisions[n-1].partly
		}
		for _, e := range fleet {
			status := envoyStatus(e)
			status.Revision = c.revisionAt(e.Applied)
			status.UnknownFleet = !c.hasFleet(e.Fleet)
			s.Envoys = append(s.Envoys, status)
		}
	})
	slices.SortFunc(s.Problems, api.Problem.Compare)
	return s
}

func envoyStatus(e xds.EnvoyStatus) admin.EnvoyStatus {
	s := admin.EnvoyStatus{
		ID: e.ID, Fleet: e.Node.Fleet, Zone: e.Zone, Node: e.Name, Version: e.Version, Protocol: e.Protocol,
		Connected: e.Connected, Since: e.Since, InSync: e.InSync(),
		Applied: e.Applied, Current: e.Current, Resources: e.Resources,
	}
	for _, w := range e.Waiting {
		s.Waiting = append(s.Waiting, w.Type.String()+" "+w.Name)
	}
	for t := range resource.NumTypes {
		if n, ok := e.Types[t]; ok {
			s.Types = append(s.Types, admin.TypeStatus{
				Type: t.String(), Sent: n.Held, Acked: n.Acked, Pending: n.Pending, Refused: n.Refused,
			})
		}
	}
	for _, r := range e.Refused {
		refusal := admin.Refusal{Type: r.Type.String(), Name: r.Name, Part: r.Part, Message: r.Message, Since: r.Since}
		for _, k := range r.Sources {
			refusal.Objects = append(refusal.Objects, k.String())
		}
		s.Refused = append(s.Refused, refusal)
	}
	return s
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

// strangerProblem is of an Envoy whose fleet does not exist.
func strangerProblem(n xds.Node) api.Problem {
	return api.Problem{
		Object:   api.Key{Kind: api.KindFleet, Name: n.Fleet},
		Reason:   api.ReasonFleetNotFound,
		Severity: api.Warning,
		Message:  "Envoy " + n.ID + " says that it is of this fleet, which does not exist: it gets no configuration",
		Hint:     "create the Fleet, or correct the Envoy's node.cluster (bootstrap --fleet)",
	}
}

// hasFleet says whether there is a fleet of the name; "default" needs no object.
func (c *controlPlane) hasFleet(name string) bool {
	return name == v1alpha1.DefaultFleet || c.translator.Object(api.Key{Kind: api.KindFleet, Name: name}) != nil
}

// Confirm lets a held source through.
func (c *controlPlane) Confirm() error {
	if !c.source.Confirm() {
		return admin.ErrNothingHeld
	}
	return nil
}

// Ready gives the reasons why this process is not ready to serve Envoys.
func (c *controlPlane) Ready() []string {
	if c.loaded.Load() {
		return nil
	}
	return []string{"the manifests have not been read yet"}
}
