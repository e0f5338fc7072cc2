package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// question is what is asked for an explanation.
type question struct {
	Request traffic.Request `json:"request"`
	Viewer  traffic.Viewer  `json:"envoy"`
}

// explainIn answers a question about a translation. Without a fleet, it is the only one, or the
// only one whose Envoys answer for the request. What is wrong with the question wraps
// admin.ErrQuestion.
func explainIn(t *traffic.Translation, q question) (*traffic.Explanation, error) {
	fleets := t.Fleets()
	if name, err := oneFleet(t, q.Viewer.Fleet); err == nil {
		fleets = []string{name}
	} else if q.Viewer.Fleet != "" {
		return nil, fmt.Errorf("%w: there is no fleet %q; there are %s", admin.ErrQuestion, q.Viewer.Fleet, strings.Join(fleets, ", "))
	}
	var found []*traffic.Explanation
	var failed error
	for _, fleet := range fleets {
		viewer := q.Viewer
		viewer.Fleet = fleet
		m, err := traffic.Build(t, viewer)
		if err != nil {
			return nil, err
		}
		e, err := m.Explain(q.Request)
		switch {
		case err != nil:
			failed = fmt.Errorf("%w: %w", admin.ErrQuestion, err)
		case e.Host != nil || len(fleets) == 1:
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(fleets) == 1:
		return nil, failed
	}
	return nil, fmt.Errorf("%w: there are several fleets (%s): choose one with --fleet", admin.ErrQuestion, strings.Join(fleets, ", "))
}

// Explain is for the admin socket. What was translated is taken in the main loop, which that
// holds up for as long as it takes to copy pointers; the rest happens here.
func (c *controlPlane) Explain(ctx context.Context, raw json.RawMessage) (any, error) {
	var q question
	if err := json.Unmarshal(raw, &q); err != nil {
		return nil, fmt.Errorf("%w: %w", admin.ErrQuestion, err)
	}
	var t *traffic.Translation
	if !c.do(ctx, func() { t = traffic.Snapshot(c.translator) }) {
		return nil, errors.New("the control plane is going down")
	}
	e, err := explainIn(t, q)
	if err != nil {
		return nil, err
	}
	objects := map[api.Key]*api.Object{}
	e.EachOrigin(func(o *traffic.Origin) { objects[o.Object] = nil })
	c.do(ctx, func() {
		for k := range objects {
			objects[k] = c.translator.Object(k)
		}
	})
	placeOrigins(e, func(k api.Key) *api.Object { return objects[k] })
	c.noteHealth(e)
	return e, nil
}

// noteHealth adds what the connected Envoys find of the clusters that the request may go to.
func (c *controlPlane) noteHealth(e *traffic.Explanation) {
	for _, o := range e.Outcomes {
		if o.Forward == nil {
			continue
		}
		for _, cluster := range o.Forward.Clusters {
			for _, on := range c.xds.Cluster(cluster.Name) {
				switch {
				case on.Refused != "":
					e.Notes = append(e.Notes, fmt.Sprintf("Envoy %s refuses %s: %s", on.Envoy, cluster.Name, on.Refused))
				case !on.Warm:
					e.Notes = append(e.Notes, fmt.Sprintf("Envoy %s does not have %s yet, and keeps what it had in place of this route", on.Envoy, cluster.Name))
				case on.Checked && on.Reported:
					e.Notes = append(e.Notes, fmt.Sprintf("Envoy %s finds %d of %d endpoints of %s healthy", on.Envoy, on.Healthy, len(cluster.Endpoints), cluster.Name))
				}
			}
		}
	}
}

// askLive asks a running gateway-cp.
func askLive(ctx context.Context, socket string, q question) (*traffic.Explanation, error) {
	client, err := connect(socket)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	e := &traffic.Explanation{}
	switch err := client.Explain(ctx, q, e); {
	case errors.Is(err, admin.ErrQuestion):
		return nil, usagef("%w", err)
	case err != nil:
		return nil, withHint(cannotf("%w", err), "is it running, as this user, and of this version?")
	}
	return e, nil
}
