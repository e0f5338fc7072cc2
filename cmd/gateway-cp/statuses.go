package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/status"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// statuses has what becomes of objects written into their status, where objects come from an API
// server. The main loop owns it.
type statuses struct {
	writer *status.Writer // nil, as events: nothing is written
	events *status.Events
	leads  bool // this replica is the one that writes
	object func(api.Key) *api.Object

	gateways map[api.Key]*programming
	balanced map[api.Key]struct{} // Services that have been told an address
	failing  chan struct{}        // the writer begins or ceases to fail
}

// programming is a Gateway whose newest status not every Envoy is known to have made true.
type programming struct {
	status *translator.Status
	number uint64 // of the change set that it came with; 0: not yet
	since  time.Time
	told   string // what was said of it last
}

// A Gateway is programmed when all Envoys of its fleet have what it came to. Until quiet, nothing is
// said: most take milliseconds. After patience, those that have it count, and the others are named.
const (
	programmedQuiet    = time.Second
	programmedPatience = 10 * time.Second
	programmedLook     = 50 * time.Millisecond
)

func newStatuses(i *instance, object func(api.Key) *api.Object) (*statuses, error) {
	s := &statuses{object: object, gateways: map[api.Key]*programming{}, balanced: map[api.Key]struct{}{}, failing: make(chan struct{}, 1)}
	if i.config.Source != sourceKube || !i.config.Kube.WriteStatus {
		return s, nil
	}
	var err error
	if s.writer, err = status.NewWriter(i.config.Kube.rest, i.log, s.ring); err != nil {
		return nil, cannotf("write status: %w", err)
	}
	if s.events, err = status.NewEvents(i.config.Kube.rest); err != nil {
		return nil, cannotf("write Events: %w", err)
	}
	if !i.config.electing() {
		s.lead(func() error { return nil })
	}
	return s, nil
}

// lead has this replica write for as long as holds is nil; nil: it does not write.
func (s *statuses) lead(holds func() error) {
	s.leads = holds != nil
	if s.writer != nil {
		s.writer.Lead(holds)
	}
}

// Run writes until ctx ends.
func (s *statuses) Run(ctx context.Context) error {
	if s.writer == nil {
		return nil
	}
	defer s.events.Close()
	return s.writer.Run(ctx)
}

func (s *statuses) ring() {
	select {
	case s.failing <- struct{}{}:
	default:
	}
}

// say has the status of an object written.
func (s *statuses) say(k api.Key, what any) {
	if o := s.object(k); o != nil {
		s.writer.Say(k, status.Said{UID: o.Value.GetUID(), Status: what})
	}
}

// replaced is told of an object that is there again; it may be another one.
func (s *statuses) replaced(o *api.Object) {
	if s.writer != nil {
		s.writer.Renew(o.Key, o.Value.GetUID())
	}
}

// gone is told what objects there are no longer.
func (s *statuses) gone(k api.Key) {
	if s.writer == nil {
		return
	}
	s.writer.Forget(k)
	delete(s.gateways, k)
	delete(s.balanced, k)
}

// note takes in what a step has brought about: statuses of the translation, which the Envoys have
// with the change set of the number, Services with other addresses, and Rollouts that have moved.
func (s *statuses) note(said map[api.Key]*translator.Status, changes []translator.Change, number uint64, now time.Time) {
	if s.writer == nil {
		return
	}
	for k, is := range said {
		switch {
		case is == nil:
			delete(s.gateways, k)
			s.say(k, nil)
		case is.Gateway != nil:
			s.gateways[k] = &programming{status: is, number: number, since: now}
		case is.RouteParents != nil:
			s.say(k, gatewayv1.HTTPRouteStatus{RouteStatus: gatewayv1.RouteStatus{Parents: is.RouteParents}})
		default:
			s.say(k, gatewayv1.GatewayClassStatus{Conditions: is.Conditions, SupportedFeatures: translator.SupportedFeatures()})
		}
	}
	for _, c := range changes {
		if c.Object == nil {
			continue
		}
		switch v := c.Object.Value.(type) {
		case *corev1.Service:
			s.balance(c.Key, v)
		case *v1alpha1.Rollout:
			s.say(c.Key, v.Status)
		}
	}
}

// balance tells a Service at which address of the fleet its load balancer is.
func (s *statuses) balance(k api.Key, service *corev1.Service) {
	_, told := s.balanced[k]
	ingress := service.Status.LoadBalancer.Ingress
	switch {
	case len(ingress) > 0:
		s.balanced[k] = struct{}{}
		s.writer.Say(k, status.Said{UID: service.UID, Status: map[string]any{"loadBalancer": corev1.LoadBalancerStatus{Ingress: ingress}}})
	case told:
		delete(s.balanced, k)
		s.writer.Say(k, status.Said{UID: service.UID})
	}
}

// look says of Gateways which Envoys have them, and returns when to look again; zero: when an Envoy
// comes or goes.
func (s *statuses) look(fleet func() []xds.EnvoyStatus, now time.Time) (again time.Time) {
	if s.writer == nil || len(s.gateways) == 0 {
		return time.Time{}
	}
	envoys := map[string][]xds.EnvoyStatus{}
	for _, e := range fleet() {
		if e.Connected {
			envoys[e.Fleet] = append(envoys[e.Fleet], e)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.gateways), api.Key.Compare) {
		p := s.gateways[k]
		verdict, final := p.verdict(envoys[p.status.Fleet], now)
		if verdict != nil {
			if text := fmt.Sprint(*verdict); text != p.told {
				p.told = text
				s.say(k, withProgrammed(p.status.Gateway, *verdict))
			}
		}
		switch {
		case final:
			delete(s.gateways, k)
		case now.Sub(p.since) < programmedPatience:
			again = now.Add(programmedLook)
		case len(envoys[p.status.Fleet]) > 0 && again.IsZero():
			again = now.Add(programmedQuiet)
		}
	}
	return again
}

// verdict says whether the Envoys have a Gateway: nil while it is too early to say, final when there is no
// more to come.
func (p *programming) verdict(envoys []xds.EnvoyStatus, now time.Time) (verdict *metav1.Condition, final bool) {
	is := meta.FindStatusCondition(p.status.Gateway.Conditions, string(gatewayv1.GatewayConditionProgrammed))
	if is == nil || is.Status != metav1.ConditionTrue {
		return &metav1.Condition{}, true // it is said already
	}
	var missing []string
	for _, e := range envoys {
		if e.Applied < p.number {
			missing = append(missing, e.ID)
		}
	}
	waited := now.Sub(p.since)
	c := *is
	switch has := len(envoys) - len(missing); {
	case len(envoys) == 0:
		c.Message = fmt.Sprintf("no Envoy of the fleet %q is connected", p.status.Fleet)
		c.Status, c.Reason = metav1.ConditionFalse, string(gatewayv1.GatewayReasonPending)
		return &c, false
	case len(missing) == 0:
		c.Message = fmt.Sprintf("%d Envoys have acknowledged it", has)
		return &c, true
	case waited < programmedQuiet:
		return nil, false
	case waited < programmedPatience || has == 0:
		c.Status, c.Reason = metav1.ConditionFalse, string(gatewayv1.GatewayReasonPending)
	}
	c.Message = fmt.Sprintf("%d of %d Envoys have acknowledged it; not yet: %s", len(envoys)-len(missing), len(envoys), someOf(missing))
	return &c, false
}

// someOf names a few of many.
func someOf(names []string) string {
	const most = 3
	if extra := len(names) - most; extra > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), extra)
	}
	return strings.Join(names, ", ")
}

// withProgrammed is the status of a Gateway with what is said of its being programmed, and of its listeners'.
func withProgrammed(is *gatewayv1.GatewayStatus, verdict metav1.Condition) *gatewayv1.GatewayStatus {
	if verdict.Type == "" {
		return is
	}
	out := is.DeepCopy()
	meta.SetStatusCondition(&out.Conditions, verdict)
	for i := range out.Listeners {
		l := meta.FindStatusCondition(out.Listeners[i].Conditions, string(gatewayv1.ListenerConditionProgrammed))
		if l != nil && l.Status == metav1.ConditionTrue {
			l.Status, l.Message = verdict.Status, verdict.Message
			if verdict.Status != metav1.ConditionTrue {
				l.Reason = string(gatewayv1.ListenerReasonPending)
			}
		}
	}
	for i := range out.Conditions {
		out.Conditions[i].LastTransitionTime = metav1.Time{} // the writer knows
	}
	return out
}

// problems are what cannot be written.
func (s *statuses) problems() (all []api.Problem) {
	if s.writer == nil {
		return nil
	}
	failures := s.writer.Failures()
	for _, kind := range slices.Sorted(maps.Keys(failures)) {
		all = append(all, api.Problem{
			Reason: api.ReasonStatusNotWritten, Severity: api.Warning,
			Message: fmt.Sprintf("the status of objects of kind %s cannot be written: %v", kind, failures[kind]),
			Hint:    "permit get of the objects and patch of their status to gateway-cp, as deploy/kubernetes/base/rbac.yaml does, or say --write-status=false",
		})
	}
	return all
}

// tell says in Events what people should know of an object.
func (s *statuses) tell(k api.Key, warning bool, reason, message string) {
	if s.events == nil || !s.leads {
		return
	}
	if o := s.object(k); o != nil && o.Value.GetUID() != "" {
		s.events.Tell(k, o.Value.GetUID(), warning, reason, message)
	}
}
