package traffic

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// Explain says which way a request takes. It fails when the request is none (Request.Check),
// or when it does not say clearly enough which listener it goes to (ErrListener).
func (m *Model) Explain(r Request) (*Explanation, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	l, note, err := m.chooseListener(&r)
	if err != nil {
		return nil, err
	}
	return m.explainAt(l, r, note), nil
}

// explainAt explains what happens at a listener.
func (m *Model) explainAt(l *Listener, r Request, notes ...string) *Explanation {
	f := &flow{model: m, request: r, listener: l, explanation: &Explanation{Request: r, Viewer: m.Viewer}}
	for _, n := range notes {
		if n != "" {
			f.note("%s", n)
		}
	}
	f.explanation.Listener = &ListenerStep{Name: l.Name, From: l.From}
	f.run()
	return f.explanation
}

// flow is a request on its way.
type flow struct {
	model       *Model
	request     Request
	listener    *Listener
	chain       *Chain
	host        *Host
	explanation *Explanation

	// As Envoy has them when it looks for a route.
	path, authority string
	headers         []Header // names in lower case
	upgrade         string   // protocol that the connection shall become one of; empty: none
}

// run goes through the steps until one of them ends the request.
func (f *flow) run() {
	for _, step := range []func() bool{f.connect, f.parse, f.normalize, f.prepareHeaders, f.findHost, f.findRoute} {
		if !step() {
			return
		}
	}
}

func (f *flow) note(format string, args ...any) {
	f.explanation.Notes = append(f.explanation.Notes, fmt.Sprintf(format, args...))
}

// ends notes an end without any route.
func (f *flow) ends(kind OutcomeKind, status uint32, format string, args ...any) bool {
	f.explanation.Outcomes = append(f.explanation.Outcomes, Outcome{
		Share: 1, Kind: kind, Status: status, Why: fmt.Sprintf(format, args...), Route: -1,
	})
	return false
}

func (f *flow) answers(status uint32, format string, args ...any) bool {
	return f.ends(OutcomeKind(Answer), status, format, args...)
}

// refuses is what the codec does with a request that it does not take: HTTP/1.1 answers 400,
// HTTP/2 resets the stream.
func (f *flow) refuses(format string, args ...any) bool {
	if f.request.Protocol == HTTP2 {
		return f.ends(Reset, 0, format, args...)
	}
	return f.answers(400, format, args...)
}

func (f *flow) changes(what, was, is, why string) {
	if was != is {
		f.explanation.Changes = append(f.explanation.Changes, Change{what, was, is, why})
	}
}

// connect finds the filter chain of the connection.
func (f *flow) connect() bool {
	chain, why := chooseChain(f.listener, &f.request)
	if chain == nil {
		return f.ends(Close, 0, "%s", why)
	}
	f.chain = chain
	step := &ChainStep{Name: chain.Name, TLS: chain.TLS, ServerNames: chain.ServerNames, Certificates: chain.Certificates, Why: why, From: chain.From}
	for _, h := range chain.Manager.GetHttpFilters() {
		if !h.Disabled { // else a route may ask for it, and says so itself
			step.Filters = append(step.Filters, h.Name)
		}
	}
	f.explanation.Chain = step
	switch secure := f.request.Scheme == "https"; {
	case chain.Manager == nil:
		return f.ends(Close, 0, "the filter chain does not speak HTTP")
	case chain.TLS && !secure:
		return f.ends(Close, 0, notTLS)
	case !chain.TLS && secure:
		return f.ends(Close, 0, "the client speaks TLS, and the listener does not: use http")
	}
	return true
}

// maxHeaders is Envoy's default for common_http_protocol_options.max_headers_count, and
// maxHeaderBytes that for max_request_headers_kb.
const (
	maxHeaders     = 100
	maxHeaderBytes = 60 * 1024
)

// parse does what the codec does.
func (f *flow) parse() bool {
	r := &f.request
	size := len(r.Path) + len(r.Authority) + len(r.Method)
	for _, h := range r.Headers {
		name := strings.ToLower(h.Name)
		size += len(name) + len(h.Value)
		if strings.Contains(name, "_") && f.chain.Manager.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() == corev3.HttpProtocolOptions_REJECT_REQUEST {
			return f.refuses("the request header %s has an underscore in its name, which is refused (docs/edge-defaults.md)", h.Name)
		}
		f.headers = append(f.headers, Header{name, strings.Trim(h.Value, " \t")})
	}
	switch {
	case size > maxHeaderBytes:
		return f.answers(431, "the headers are larger than 60 KiB")
	case len(r.Headers)+1 > maxHeaders:
		return f.answers(431, "there are more than %d headers", maxHeaders)
	case r.Protocol == HTTP1 && !slices.Contains(methods, r.Method):
		return f.answers(400, "%s is not a method that Envoy knows: methods are in upper case", r.Method)
	case strings.ContainsFunc(r.Path, func(c rune) bool { return c < 0x21 || c > 0x7e }):
		return f.refuses("the path has characters that must be escaped with %%")
	case r.Authority == "":
		return f.answers(400, "there is no Host header")
	case strings.ContainsAny(r.Authority, " /?#\\"):
		return f.refuses("%q cannot be a host", r.Authority)
	}
	f.path, f.authority = r.Path, r.Authority
	if r.Method == "CONNECT" {
		return f.answers(404, "no route takes CONNECT")
	}
	if connection, _ := f.header("connection"); r.Protocol == HTTP1 && hasToken(connection, "upgrade") {
		f.upgrade, _ = f.header("upgrade")
	}
	return true
}

// methods are those that Envoy's HTTP/1 parser takes.
var methods = strings.Fields("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT COPY LOCK MKCOL MOVE PROPFIND PROPPATCH " +
	"SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE " +
	"MKCALENDAR LINK UNLINK SOURCE")

func hasToken(list, token string) bool {
	for _, t := range strings.Split(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}

// normalize makes one form of the many in which a path or host can be written.
func (f *flow) normalize() bool {
	m := f.chain.Manager
	switch {
	case f.path == "*":
		return f.answers(404, "no route takes the path *")
	case strings.Contains(f.path, "#"):
		return f.refuses("the path has a fragment, which belongs to the client")
	}
	redirect := false
	if m.PathWithEscapedSlashesAction == hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT {
		unescaped := unescapeSlashes(f.path)
		redirect = unescaped != f.path
		f.changes("path", f.path, unescaped, "escaped slashes are decoded")
		f.path = unescaped
	}
	if m.NormalizePath.GetValue() {
		canonical, ok := canonicalPath(f.path)
		if !ok {
			return f.answers(400, "the path has an escaped NUL")
		}
		f.changes("path", f.path, canonical, "escapes and dot segments are resolved")
		f.path = canonical
	}
	if m.MergeSlashes {
		merged := mergeSlashes(f.path)
		f.changes("path", f.path, merged, "several slashes count as one")
		f.path = merged
	}
	if redirect {
		return f.redirectsSlashes()
	}
	if m.GetStripTrailingHostDot() {
		host := stripHostDot(f.authority)
		f.changes("host", f.authority, host, "a dot at the end of the host is taken away")
		f.authority = host
	}
	return true
}

// redirectsSlashes ends a request with escaped slashes. A client that speaks gRPC cannot follow.
func (f *flow) redirectsSlashes() bool {
	if kind, _ := f.header("content-type"); kind == "application/grpc" || strings.HasPrefix(kind, "application/grpc+") {
		return f.answers(200, "a gRPC request with %%2F or %%5C in its path is refused with a gRPC status (docs/edge-defaults.md)")
	}
	f.ends(OutcomeKind(Redirect), 307, "a path with %%2F or %%5C is redirected to the decoded one (docs/edge-defaults.md)")
	f.explanation.Outcomes[0].Location = f.path
	return false
}

// prepareHeaders does what Envoy does with headers of a client at the edge
// (ConnectionManagerUtility::mutateRequestHeaders).
func (f *flow) prepareHeaders() bool {
	if connection, ok := f.header("connection"); ok && f.upgrade == "" {
		for _, token := range strings.Split(connection, ",") {
			f.drop(strings.ToLower(strings.TrimSpace(token)), "it is named in the header connection")
		}
	}
	for _, name := range strings.Fields(internalHeaders) {
		f.drop(name, "only Envoys may set it")
	}
	forwarded, was := f.header("x-forwarded-for")
	peer := f.request.Client
	if was {
		peer = forwarded + "," + peer
		f.changes("header x-forwarded-for", forwarded, peer, "the client's address is added")
	}
	f.set("x-forwarded-for", peer)
	if proto, was := f.header("x-forwarded-proto"); was {
		f.changes("header x-forwarded-proto", proto, f.request.Scheme, "it is that of the listener")
	}
	f.set("x-forwarded-proto", f.request.Scheme)
	return true
}

// internalHeaders are those that are taken from requests of clients.
const internalHeaders = "keep-alive proxy-connection transfer-encoding x-envoy-internal x-envoy-decorator-operation " +
	"x-envoy-downstream-service-cluster x-envoy-downstream-service-node x-envoy-retriable-status-codes " +
	"x-envoy-retriable-header-names x-envoy-retry-on x-envoy-retry-grpc-on x-envoy-max-retries x-envoy-upstream-alt-stat-name " +
	"x-envoy-upstream-rq-timeout-ms x-envoy-upstream-rq-per-try-timeout-ms x-envoy-upstream-rq-timeout-alt-response " +
	"x-envoy-expected-rq-timeout-ms x-envoy-force-trace x-envoy-ip-tags x-envoy-original-url x-envoy-hedge-on-per-try-timeout " +
	"x-forwarded-client-cert"

// values gives the values of a header, or of a part of the request line, each by itself.
func (f *flow) values(name string) []string {
	switch name {
	case ":method":
		return []string{f.request.Method}
	case ":authority", "host":
		return []string{f.authority}
	case ":path":
		return []string{f.path}
	case ":scheme":
		return []string{f.request.Scheme}
	}
	var values []string
	for _, h := range f.headers {
		if h.Name == name {
			values = append(values, h.Value)
		}
	}
	if name == "cookie" && f.request.Protocol == HTTP2 && len(values) > 1 {
		return []string{strings.Join(values, "; ")} // the codec joins what HTTP/2 splits
	}
	return values
}

// header gives all values of a header, joined; false when there is none.
func (f *flow) header(name string) (string, bool) {
	values := f.values(name)
	return strings.Join(values, ","), len(values) > 0
}

func (f *flow) set(name, value string) {
	f.headers = slices.DeleteFunc(f.headers, func(h Header) bool { return h.Name == name })
	f.headers = append(f.headers, Header{name, value})
}

func (f *flow) drop(name, why string) {
	if value, ok := f.header(name); ok && name != "host" {
		f.changes("header "+name, value, "", why)
		f.headers = slices.DeleteFunc(f.headers, func(h Header) bool { return h.Name == name })
	}
}
