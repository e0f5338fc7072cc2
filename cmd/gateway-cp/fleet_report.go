package main

import (
	"context"
	"strings"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/configdump"
	"github.com/gateway-cp/gateway-cp/envoybin"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/xds"
)

// envoys gives the fleet in the form of the admin API.
func (c *controlPlane) envoys(ctx context.Context, fleet []xds.EnvoyStatus) []admin.EnvoyStatus {
	all := make([]admin.EnvoyStatus, 0, len(fleet))
	for _, e := range fleet {
		s := envoyStatus(e)
		if e.Connected && e.ID == c.instance.supervised.id && c.instance.supervised.admin != "" {
			s.AdminAddress = c.instance.supervised.admin
		}
		all = append(all, s)
	}
	c.do(ctx, func() {
		for i, e := range fleet {
			all[i].Revision = c.revisionAt(e.Applied)
			all[i].UnknownFleet = !c.hasFleet(e.Fleet)
		}
	})
	return all
}

func envoyStatus(e xds.EnvoyStatus) admin.EnvoyStatus {
	s := admin.EnvoyStatus{
		ID: e.ID, Fleet: e.Node.Fleet, Zone: e.Zone, Node: e.Name, Version: e.Version, Protocol: e.Protocol,
		Address: e.Peer, SharesID: e.Twin,
		Connected: e.Connected, Since: e.Since, InSync: e.InSync(), BehindSince: e.Behind,
		Applied: e.Applied, Current: e.Current, Resources: e.Resources,
	}
	if version, isEnvoy := strings.CutPrefix(e.Version, "envoy "); isEnvoy {
		s.VersionWarning = envoybin.Unsupported(version)
	}
	if e.Certificate.Name != "" {
		s.Certificate = &admin.Certificate{Name: e.Certificate.Name, Expires: e.Certificate.Expires}
	}
	if !e.Last.At.IsZero() {
		s.LastChange = &admin.Change{Number: e.Last.Number, At: e.Last.At, TookSeconds: e.Last.Took.Seconds()}
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
	for _, w := range e.Waiting {
		waiting := admin.Waiting{Type: w.Type.String(), Name: w.Name, Why: w.Why, Count: w.Count}
		for _, of := range w.For {
			waiting.For = append(waiting.For, of.Type.String()+" "+of.Name)
		}
		s.Waiting = append(s.Waiting, waiting)
	}
	for _, p := range e.Pending {
		s.Pending = append(s.Pending, admin.Pending{Type: p.Type.String(), Name: p.Name, Sent: p.Sent, Removed: p.Removed})
	}
	return s
}

// Config is for the admin socket.
func (c *controlPlane) Config(id string) []admin.EnvoyConfig {
	var all []admin.EnvoyConfig
	for _, e := range c.xds.Wanted(id) {
		all = append(all, c.envoyConfig(e))
	}
	return all
}

// ConfigFor is for the admin socket.
func (c *controlPlane) ConfigFor(fleet, zone, node string) admin.EnvoyConfig {
	return c.envoyConfig(c.xds.WantedBy(xds.Node{Fleet: fleet, Zone: zone, Name: node}))
}

func (c *controlPlane) envoyConfig(e xds.Config) admin.EnvoyConfig {
	config := admin.EnvoyConfig{
		ID: e.ID, Fleet: e.Node.Fleet, Zone: e.Zone, Node: e.Name, Address: e.Peer, Connected: e.Connected,
		Resources: make([]admin.Resource, 0, len(e.Resources)),
	}
	for _, w := range e.Resources {
		r := admin.Resource{Type: w.Type.String(), Name: w.Name, Version: w.Version, Why: w.Why, Kept: w.Kept, KeptUntil: w.Until}
		if w.Version != "" {
			content, err := configdump.JSON(w.Type, w.Message)
			if err != nil { // only what failed its validation, and is never sent
				r.Why = append(r.Why, "it cannot be shown: "+err.Error())
				content = []byte("{}")
			}
			r.Content = content
		}
		for _, k := range w.Sources {
			r.Objects = append(r.Objects, k.String())
		}
		config.Resources = append(config.Resources, r)
	}
	return config
}
