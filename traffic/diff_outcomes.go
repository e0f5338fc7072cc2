package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// diffOutcomes says in what two outcomes of a request differ, the most important first.
func diffOutcomes(was, now []Outcome) []Aspect {
	var all []Aspect
	add := func(what, a, b string) {
		if a != b {
			all = append(all, Aspect{what, a, b})
		}
	}
	add("goes to", Destination(was), Destination(now))
	if len(all) == 0 {
		add("exact shares", exactShares(was), exactShares(now))
	}
	a, b := forwarding(was), forwarding(now)
	if a == nil || b == nil {
		if len(all) == 0 {
			add("settings of the route", unnamedWas, unnamedNow)
		}
		return all
	}
	add("clusters", otherCluster(a, b, false), otherCluster(a, b, true))
	add("host", a.Authority, b.Authority)
	add("path", a.Path, b.Path)
	add("request headers", strings.Join(a.RequestHeaders, ", "), strings.Join(b.RequestHeaders, ", "))
	add("response headers", strings.Join(a.ResponseHeaders, ", "), strings.Join(b.ResponseHeaders, ", "))
	add("time limit", a.Timeout, b.Timeout)
	add("time limit of an attempt", a.PerTryTimeout, b.PerTryTimeout)
	add("time without a byte", a.IdleTimeout, b.IdleTimeout)
	add("attempts", strconv.Itoa(a.Attempts), strconv.Itoa(b.Attempts))
	add("retried on", a.RetryOn, b.RetryOn)
	add("sessions are kept by", a.Session, b.Session)
	add("hash policy", strings.Join(a.HashPolicy, ", "), strings.Join(b.HashPolicy, ", "))
	add("copies go to", strings.Join(a.Mirrors, ", "), strings.Join(b.Mirrors, ", "))
	add("headers of a version", clusterHeaders(a), clusterHeaders(b))
	if len(all) == 0 {
		add("settings of the route", unnamedWas, unnamedNow)
	}
	return all
}

// forwarding gives what is said of the requests that go on; nil when none do.
func forwarding(all []Outcome) *Forwarding {
	for _, o := range all {
		if o.Forward != nil {
			return o.Forward
		}
	}
	return nil
}

// otherCluster names the clusters of one side, where both have the same versions under other names: a
// version whose selector changed.
func otherCluster(a, b *Forwarding, second bool) string {
	if destinations(a.Clusters) != destinations(b.Clusters) {
		return ""
	}
	if second {
		a = b
	}
	var names []string
	for _, c := range a.Clusters {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

func clusterHeaders(f *Forwarding) string {
	var all []string
	for _, c := range f.Clusters {
		for _, h := range slices.Concat(c.RequestHeaders, c.ResponseHeader) {
			all = append(all, c.Label()+" "+h)
		}
	}
	return strings.Join(all, ", ")
}

// Destination says in a few words what becomes of requests: where they go, or how they are
// answered.
func Destination(all []Outcome) string {
	var parts []string
	for _, o := range all {
		part := o.words()
		if o.Share < 1 {
			part = percent(o.Share) + " " + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// exactShares writes the shares of outcomes with all their digits: some differ by less than is written
// elsewhere.
func exactShares(all []Outcome) string {
	var parts []string
	for _, o := range all {
		if o.Forward == nil {
			parts = append(parts, exactly(o.Share))
			continue
		}
		for _, c := range o.Forward.Clusters {
			parts = append(parts, exactly(o.Share*c.Share))
		}
	}
	return strings.Join(parts, ", ")
}

func exactly(share float64) string { return strconv.FormatFloat(100*share, 'g', 10, 64) + " %" }

func (o Outcome) words() string {
	switch {
	case o.Forward != nil:
		return destinations(o.Forward.Clusters)
	case o.Kind == Close:
		return "a closed connection"
	case o.Kind == Reset:
		return "a reset stream"
	case o.Location != "":
		return fmt.Sprintf("a redirect with %d to %s", o.Status, o.Location)
	case o.Status >= 400:
		return fmt.Sprintf("an error %d", o.Status)
	}
	return fmt.Sprintf("an answer %d", o.Status)
}

func destinations(all []ClusterShare) string {
	var parts []string
	for _, c := range all {
		label := c.Label()
		if c.Why != "" {
			label += " (503: no endpoint is ready)"
		}
		if len(all) == 1 {
			return label
		}
		parts = append(parts, percent(c.Share)+" "+label)
	}
	return strings.Join(parts, ", ")
}

// Label is a short name for people: namespace/service:port, and the version of a Rollout.
func (c ClusterShare) Label() string {
	return clusterLabel(&Cluster{Name: c.Name, Service: c.Service, Port: c.Port, Version: c.Version})
}

func clusterLabel(c *Cluster) string {
	if c.Service.Name == "" {
		return c.Name
	}
	label := c.Service.Namespace + "/" + c.Service.Name + ":" + c.Port
	if c.Version != "" {
		label += " " + c.Version
	}
	return label
}

// percent writes a share, with as many digits as it needs, up to two.
func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(100*share, 'f', 2, 64), "0"), ".") + " %"
}
