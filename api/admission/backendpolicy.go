package admission

import (
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func (r *report) backendPolicy(p *v1alpha1.BackendPolicy) {
	sp := &p.Spec
	r.policyTargets(spec.Child("targetRefs"), sp.TargetRefs)
	if lb := sp.LoadBalancer; lb != nil {
		r.backendLoadBalancer(spec.Child("loadBalancer"), lb)
	}
	if s := sp.SessionPersistence; s != nil {
		r.sessionPersistence(spec.Child("sessionPersistence"), s)
		if lb := sp.LoadBalancer; lb != nil && lb.ConsistentHash != nil && lb.ConsistentHash.Type == v1alpha1.HashOfCookie && lb.ConsistentHash.Cookie != nil &&
			lb.ConsistentHash.Cookie.Name == s.SessionName {
			r.fail(spec.Child("sessionPersistence", "sessionName"), api.ReasonInvalidField, "give one of the two another name",
				"the cookie %q is already used at spec.loadBalancer.consistentHash.cookie.name", s.SessionName)
		}
	}
	if h := sp.HealthCheck; h != nil {
		r.backendHealthCheck(spec.Child("healthCheck"), h)
	}
	if sp.Retry != nil {
		r.backendRetry(spec.Child("retry"), sp.Retry)
	}
	if c := sp.CircuitBreaker; c != nil {
		r.circuitBreaker(spec.Child("circuitBreaker"), c)
	}
	if sp.Timeout != nil {
		r.backendTimeout(spec.Child("timeout"), sp.Timeout)
	}
	if k := sp.TCPKeepalive; k != nil {
		at := spec.Child("tcpKeepalive")
		r.within(at.Child("probes"), k.Probes, 1, 127)
		r.wholeSeconds(at.Child("idleTime"), k.IdleTime)
		r.wholeSeconds(at.Child("interval"), k.Interval)
	}
	if sp.LoadBalancer == nil && sp.SessionPersistence == nil && sp.HealthCheck == nil && sp.Retry == nil && sp.CircuitBreaker == nil &&
		sp.Timeout == nil && sp.TCPKeepalive == nil {
		r.warn(spec, api.ReasonMissingField, "add loadBalancer, healthCheck, retry or another field, or remove the policy", "the policy asks for nothing")
	}
}

func (r *report) policyTargets(at *field.Path, targets []v1alpha1.PolicyTargetRef) {
	if len(targets) == 0 {
		r.missing(at, "name the Services that the policy is for")
	}
	r.atMost(at, len(targets), 16)
	seen := map[v1alpha1.PolicyTargetRef]int{}
	for i, t := range targets {
		ref := at.Index(i)
		r.serviceTarget(ref, t.TargetRef, "name the Service that the policy is for")
		if t.SectionName != "" {
			r.name(ref.Child("sectionName"), t.SectionName, true)
		}
		if first, again := seen[t]; again {
			r.duplicate(ref, at.Index(first), "the target %s", strings.TrimSuffix(t.Name+" "+t.SectionName, " "))
		} else {
			seen[t] = i
		}
	}
}

// serviceTarget checks a reference of a policy to a Service in its namespace.
func (r *report) serviceTarget(at *field.Path, t v1alpha1.TargetRef, hint string) {
	if t.Group != "" {
		r.fail(at.Child("group"), api.ReasonInvalidField, "leave it out", "only Services can be targets, not objects of the group %q", t.Group)
	}
	if t.Kind != "Service" {
		r.fail(at.Child("kind"), api.ReasonInvalidField, "use Service", "only Services can be targets, not %q", t.Kind)
	}
	if t.Name == "" {
		r.missing(at.Child("name"), hint)
	} else {
		r.name(at.Child("name"), t.Name, true)
	}
}

func (r *report) backendLoadBalancer(at *field.Path, lb *v1alpha1.BackendLoadBalancer) {
	switch {
	case lb.Type == "" && lb.IPVSScheduler == "":
		r.fail(at, api.ReasonMissingField, "add type: RoundRobin, LeastRequest, Random or ConsistentHash", "one of type and ipvsScheduler is required")
	case lb.Type != "" && lb.IPVSScheduler != "":
		r.fail(at.Child("ipvsScheduler"), api.ReasonInvalidField, "keep one of them", "cannot be used together with %s", at.Child("type"))
	case lb.Type != "":
		types := []v1alpha1.LoadBalancerType{v1alpha1.RoundRobinLoadBalancer, v1alpha1.LeastRequestLoadBalancer, v1alpha1.RandomLoadBalancer, v1alpha1.ConsistentHashLoadBalancer}
		if !slices.Contains(types, lb.Type) {
			r.fail(at.Child("type"), api.ReasonInvalidField, "use RoundRobin, LeastRequest, Random or ConsistentHash", "%q is not a type of load balancer", lb.Type)
		}
	default:
		r.schedulerName(at.Child("ipvsScheduler"), lb.IPVSScheduler)
	}
	if lb.LeastRequest != nil {
		r.onlyFor(at.Child("leastRequest"), lb.Type == v1alpha1.LeastRequestLoadBalancer, "type LeastRequest")
		r.within(at.Child("leastRequest", "choices"), &lb.LeastRequest.Choices, 2, 100)
	}
	switch {
	case lb.ConsistentHash != nil:
		r.onlyFor(at.Child("consistentHash"), lb.Type == v1alpha1.ConsistentHashLoadBalancer, "type ConsistentHash")
		r.consistentHash(at.Child("consistentHash"), lb.ConsistentHash)
	case lb.Type == v1alpha1.ConsistentHashLoadBalancer:
		r.missing(at.Child("consistentHash"), "say what is hashed, such as consistentHash: {type: SourceIP}")
	}
	if lb.SlowStart != nil {
		r.onlyFor(at.Child("slowStart"), lb.TakesSlowStart(), "type RoundRobin or LeastRequest")
		r.positive(at.Child("slowStart", "window"), &lb.SlowStart.Window)
	}
}

// onlyFor refuses a field that has no effect beside another one.
func (r *report) onlyFor(at *field.Path, ok bool, what string) {
	if !ok {
		r.fail(at, api.ReasonInvalidField, "leave it out, or use "+what, "it is of %s only", what)
	}
}

func (r *report) consistentHash(at *field.Path, h *v1alpha1.ConsistentHash) {
	switch h.Type {
	case v1alpha1.HashSourceIP, v1alpha1.HashOfHeader, v1alpha1.HashOfCookie:
	case "":
		r.missing(at.Child("type"), "use SourceIP, Header or Cookie")
	default:
		r.fail(at.Child("type"), api.ReasonInvalidField, "use SourceIP, Header or Cookie", "%q cannot be hashed", h.Type)
	}
	switch {
	case h.Header != nil:
		r.onlyFor(at.Child("header"), h.Type == v1alpha1.HashOfHeader, "type Header")
		r.headerName(at.Child("header", "name"), h.Header.Name)
		r.arrivingHeader(at.Child("header", "name"), h.Header.Name)
	case h.Type == v1alpha1.HashOfHeader:
		r.missing(at.Child("header"), "name the header, such as header: {name: x-user}")
	}
	switch {
	case h.Cookie != nil:
		r.onlyFor(at.Child("cookie"), h.Type == v1alpha1.HashOfCookie, "type Cookie")
		r.cookieName(at.Child("cookie", "name"), h.Cookie.Name)
		r.notNegative(at.Child("cookie", "ttl"), h.Cookie.TTL)
	case h.Type == v1alpha1.HashOfCookie:
		r.missing(at.Child("cookie"), "name the cookie, such as cookie: {name: user, ttl: 1h}")
	}
	if h.Algorithm != v1alpha1.MaglevAlgorithm && h.Algorithm != v1alpha1.RingHashAlgorithm {
		r.fail(at.Child("algorithm"), api.ReasonInvalidField, "use Maglev or RingHash", "%q is not an algorithm", h.Algorithm)
	}
	if h.TableSize != nil {
		r.onlyFor(at.Child("tableSize"), h.Algorithm != v1alpha1.RingHashAlgorithm, "algorithm Maglev")
		if n := *h.TableSize; n < 2 || n > 5000011 {
			r.fail(at.Child("tableSize"), api.ReasonInvalidField, "leave it out for 65537", "%d is not between 2 and 5000011", n)
		} else if !big.NewInt(n).ProbablyPrime(0) {
			r.fail(at.Child("tableSize"), api.ReasonInvalidField, "use a prime number, such as 65537 or 1009", "%d is not a prime number", n)
		}
	}
	if h.MinimumRingSize != nil {
		r.onlyFor(at.Child("minimumRingSize"), h.Algorithm != v1alpha1.MaglevAlgorithm, "algorithm RingHash")
		r.within64(at.Child("minimumRingSize"), h.MinimumRingSize, 1, 8388608)
	}
}

// cookieName checks the name of a cookie, which is a token as that of a header is.
// https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1
func (r *report) cookieName(at *field.Path, name string) {
	switch {
	case name == "":
		r.missing(at, "give the name")
	case len(name) > 256 || !tokenShape.MatchString(name):
		r.fail(at, api.ReasonInvalidField, "use letters, digits, '-' and '_', at most 256 characters", "%q is not the name of a cookie", name)
	}
}

func (r *report) sessionPersistence(at *field.Path, s *v1alpha1.SessionPersistence) {
	r.cookieName(at.Child("sessionName"), s.SessionName)
	if len(s.SessionName) > 128 {
		r.fail(at.Child("sessionName"), api.ReasonInvalidField, "use a shorter name", "it has %d characters; at most 128 are allowed", len(s.SessionName))
	}
	if s.Type != "Cookie" {
		r.fail(at.Child("type"), api.ReasonInvalidField, "use Cookie", "sessions are kept by cookies, not by %q", s.Type)
	}
	permanent := false
	if c := s.CookieConfig; c != nil {
		permanent = c.LifetimeType == v1alpha1.PermanentCookie
		if !permanent && c.LifetimeType != v1alpha1.SessionCookie {
			r.fail(at.Child("cookieConfig", "lifetimeType"), api.ReasonInvalidField, "use Session or Permanent", "%q is not a lifetime", c.LifetimeType)
		}
	}
	switch {
	case s.AbsoluteTimeout != nil && !permanent:
		r.fail(at.Child("absoluteTimeout"), api.ReasonInvalidField, "add cookieConfig: {lifetimeType: Permanent}, or leave it out", "a session cookie lasts until the client is closed")
	case s.AbsoluteTimeout == nil && permanent:
		r.missing(at.Child("absoluteTimeout"), "say how long the cookie lasts, such as 1h")
	}
	if s.AbsoluteTimeout != nil {
		r.positive(at.Child("absoluteTimeout"), s.AbsoluteTimeout)
		r.wholeSeconds(at.Child("absoluteTimeout"), s.AbsoluteTimeout)
	}
}

func (r *report) backendHealthCheck(at *field.Path, h *v1alpha1.BackendHealthCheck) {
	r.within(at.Child("panicThreshold"), h.PanicThreshold, 0, 100)
	if p := h.Passive; p != nil {
		at := at.Child("passive")
		r.within(at.Child("consecutiveLocalOriginFailures"), p.ConsecutiveLocalOriginFailures, 0, 1000000)
		r.within(at.Child("consecutiveGatewayErrors"), p.ConsecutiveGatewayErrors, 0, 1000000)
		r.within(at.Child("consecutive5XxErrors"), p.Consecutive5XxErrors, 0, 1000000)
		r.positive(at.Child("interval"), p.Interval)
		r.positive(at.Child("baseEjectionTime"), p.BaseEjectionTime)
		r.within(at.Child("maxEjectionPercent"), p.MaxEjectionPercent, 0, 100)
	}
	a := h.Active
	if a == nil {
		return
	}
	at = at.Child("active")
	switch a.Type {
	case v1alpha1.HealthCheckHTTP, v1alpha1.HealthCheckTCP, v1alpha1.HealthCheckGRPC, v1alpha1.HealthCheckNone:
	case "":
		r.missing(at.Child("type"), "use HTTP, TCP, GRPC or None")
	default:
		r.fail(at.Child("type"), api.ReasonInvalidField, "use HTTP, TCP, GRPC or None", "%q is not a type of health check", a.Type)
	}
	switch {
	case a.HTTP != nil:
		r.onlyFor(at.Child("http"), a.Type == v1alpha1.HealthCheckHTTP, "type HTTP")
		r.httpHealthCheck(at.Child("http"), a.HTTP)
	case a.Type == v1alpha1.HealthCheckHTTP:
		r.missing(at.Child("http"), "give the path, such as http: {path: /healthz}")
	}
	if a.GRPC != nil {
		r.onlyFor(at.Child("grpc"), a.Type == v1alpha1.HealthCheckGRPC, "type GRPC")
	}
	if a.Port != nil {
		r.port(at.Child("port"), *a.Port)
	}
	r.positive(at.Child("interval"), a.Interval)
	r.positive(at.Child("timeout"), a.Timeout)
	r.within(at.Child("unhealthyThreshold"), a.UnhealthyThreshold, 1, 1000)
	r.within(at.Child("healthyThreshold"), a.HealthyThreshold, 1, 1000)
}

func (r *report) httpHealthCheck(at *field.Path, h *v1alpha1.HTTPHealthCheck) {
	switch {
	case h.Path == "":
		r.missing(at.Child("path"), "give the path, such as /healthz")
	case h.Path[0] != '/' || len(h.Path) > 1024 || strings.ContainsAny(h.Path, " #\x00\r\n"):
		r.fail(at.Child("path"), api.ReasonInvalidField, "begin the path with '/', and encode spaces and '#'", "%q is not a path", h.Path)
	}
	if h.Hostname != "" {
		if _, err := netip.ParseAddr(h.Hostname); err != nil { // an address is fine as well
			r.hostname(at.Child("hostname"), h.Hostname, false)
		}
	}
	r.statuses(at.Child("expectedStatuses"), h.ExpectedStatuses, 100)
}

// statuses checks a list of HTTP statuses.
func (r *report) statuses(at *field.Path, list []int32, least int32) {
	r.atMost(at, len(list), 32)
	for i, s := range list {
		r.within(at.Index(i), &s, least, 599)
		if first := slices.Index(list, s); first < i {
			r.duplicate(at.Index(i), at.Index(first), "the status %d", s)
		}
	}
}

// positive checks a duration, which may be left out.
func (r *report) positive(at *field.Path, d *metav1.Duration) {
	if d != nil && d.Duration <= 0 {
		r.fail(at, api.ReasonInvalidField, "use a time such as 5s", "it must be more than 0")
	}
}

func (r *report) wholeSeconds(at *field.Path, d *metav1.Duration) {
	if d != nil && (d.Duration < time.Second || d.Duration%time.Second != 0) {
		r.fail(at, api.ReasonInvalidField, "use whole seconds, such as 30s", "%s is not a whole number of seconds", d.Duration)
	}
}

// within checks a number, which may be left out.
func (r *report) within(at *field.Path, n *int32, least, most int32) {
	if n != nil {
		wide := int64(*n)
		r.within64(at, &wide, int64(least), int64(most))
	}
}

func (r *report) within64(at *field.Path, n *int64, least, most int64) {
	if n != nil && (*n < least || *n > most) {
		r.fail(at, api.ReasonInvalidField, "use a number in that range", "%d is not between %d and %d", *n, least, most)
	}
}
