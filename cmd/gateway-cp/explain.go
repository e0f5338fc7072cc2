package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// requestFlags are a request as it stands on the command line, in curl's words.
type requestFlags struct {
	method     string
	headers    []string
	data       string
	http2      bool
	from       string
	serverName string
	listener   string
	gateway    string
	port       uint16
}

// addRequestFlags adds the flags.
func addRequestFlags(f *pflag.FlagSet, r *requestFlags) {
	f.StringVarP(&r.method, "request", "X", "", "method (default GET, or POST with --data)")
	f.StringArrayVarP(&r.headers, "header", "H", nil, "request header, 'name: value'; Host sets another host than that of the URL")
	f.StringVarP(&r.data, "data", "d", "", "body; it is not looked at")
	f.BoolVar(&r.http2, "http2", false, "speak HTTP/2")
	f.StringVar(&r.from, "from", "", "IP address of the client")
	f.StringVar(&r.serverName, "sni", "", "server name that the client asks for (default: the host of the URL; - for none)")
	f.StringVar(&r.listener, "listener", "", "listener that the request comes in at, such as 0.0.0.0:80")
	f.StringVar(&r.gateway, "gateway", "", "Gateway that the request comes in at, namespace/name")
	f.Uint16Var(&r.port, "port", 0, "port that the request comes in at (default: that of the URL)")
}

// build makes the request of [METHOD] URL.
func (r *requestFlags) build(args []string) (traffic.Request, error) {
	method := ""
	switch {
	case len(args) == 0:
		return traffic.Request{}, withHint(usagef("there is no request behind --"), "write a method and a URL: -- GET http://shop.example.com/cart")
	case len(args) > 2:
		return traffic.Request{}, usagef("the request has too many words: %q", args[2])
	case len(args) == 2:
		method, args = args[0], args[1:]
	}
	q, err := traffic.NewRequest(args[0])
	if err != nil {
		return q, usagef("%w", err)
	}
	switch {
	case r.method != "":
		q.Method = r.method
	case method != "":
		q.Method = method
	case r.data != "":
		q.Method = "POST"
	}
	if r.http2 {
		q.Protocol = traffic.HTTP2
	}
	if r.from != "" {
		ip, err := netip.ParseAddr(r.from)
		if err != nil {
			return q, usagef("--from: %q is not an IP address", r.from)
		}
		q.Client = ip.Unmap().String()
	}
	switch {
	case r.serverName == "-":
		q.ServerName = ""
	case r.serverName != "":
		q.ServerName = r.serverName
	}
	q.Listener, q.Gateway = r.listener, r.gateway
	if r.port != 0 {
		q.Port, q.AnyPort = uint32(r.port), false
	} else if r.gateway != "" {
		q.AnyPort = true // a Gateway has few of them
	}
	for _, h := range r.headers {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || name == "":
			return q, withHint(usagef("--header: %q is not a header", h), "write 'name: value'")
		case strings.EqualFold(name, "Host"):
			q.Authority = value
		default:
			q.Headers = append(q.Headers, traffic.Header{Name: name, Value: value})
		}
	}
	return q, nil
}

// explainConfig is what explain does.
type explainConfig struct {
	world   worldOptions
	viewer  traffic.Viewer
	request requestFlags
	live    bool
	socket  string
	format  string
	all     bool
}

func newExplainCommand() *cobra.Command {
	var c explainConfig
	cmd := &cobra.Command{
		Use:   "explain PATH... -- [METHOD] URL",
		Short: "Say which way a request takes, and why",
		Long: `Explain reads manifests as serve would, or with --live asks a running gateway-cp, and says what an
Envoy of the fleet does with a request: listener, filter chain, virtual host, the routes
considered and why each does or does not match, clusters with their shares and endpoints,
rewrites, time limits and retries, each with the object, file and line that it comes from.

Behind -- stands the request as for curl: a method and a URL, -H, -X, -d. Only headers that are
given are sent. The listener is the one on the URL's port; --port, --listener or --gateway
choose another. Rollouts are where a first deployment puts them, or where --state says.

It exits with 0 when the request reaches a backend, or is redirected as a route says, and with
1 when Envoy answers it with an error, or not at all.`,
		Example: `  gateway-cp explain manifests -- GET https://shop.example.com/cart -H 'x-user: 7'
  gateway-cp explain manifests --port 10080 -- http://shop.web/
  gateway-cp explain --live -- POST http://shop.example.com/cart -d x=1
  gateway-cp explain manifests -o json -- http://shop.example.com/ | jq '.outcomes[].forward.clusters'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.world.Stdin = cmd.InOrStdin()
			return explain(cmd, &c, args)
		},
	}
	f := cmd.Flags()
	addWorldFlags(cmd, &c.world)
	addViewerFlags(f, &c.viewer)
	addRequestFlags(f, &c.request)
	f.BoolVar(&c.live, "live", false, "ask a running gateway-cp, in place of manifests")
	f.StringVar(&c.socket, "admin-socket", "", "with --live: admin socket of the gateway-cp to ask (default: the one that is running)")
	f.BoolVar(&c.all, "all-routes", false, "print every route that was considered, also where there are many")
	_ = cmd.MarkFlagFilename("admin-socket")
	outputFlag(cmd, &c.format)
	return cmd
}

// explain prints the explanation of the request behind the two dashes.
func explain(cmd *cobra.Command, c *explainConfig, args []string) error {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		return withHint(usagef("explain needs two dashes and a request behind them"),
			"gateway-cp explain PATH... -- GET http://shop.example.com/cart")
	}
	paths := args[:dash]
	// The flags may stand before the dashes or behind.
	if err := cmd.Flags().Parse(args[dash:]); err != nil {
		return suggestFlag(cmd, err)
	}
	q, err := c.request.build(cmd.Flags().Args())
	if err != nil {
		return err
	}
	e, err := c.ask(cmd, q, paths)
	if err != nil {
		return err
	}
	err = print(cmd.OutOrStdout(), c.format, e, func(w io.Writer) error { return writeExplanation(w, e, c.all) })
	if err == nil && !arrives(e) {
		return errProblems
	}
	return err
}

// ask has the request explained by manifests, or by a running gateway-cp.
func (c *explainConfig) ask(cmd *cobra.Command, q traffic.Request, paths []string) (*traffic.Explanation, error) {
	switch {
	case c.live && len(paths) > 0:
		return nil, usagef("--live asks a running gateway-cp: it takes no PATH, but got %q", paths[0])
	case c.live && c.world.StateDir != "":
		return nil, usagef("--live asks a running gateway-cp: it takes no --state")
	case c.live:
		return askLive(cmd.Context(), c.socket, question{q, c.viewer})
	case c.socket != "":
		return nil, usagef("--admin-socket goes with --live")
	case len(paths) == 0:
		return nil, withHint(usagef("explain needs at least one PATH before the two dashes"), "or --live, to ask a running gateway-cp")
	}
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	progress.say("reading %s", strings.Join(paths, " "))
	w, err := loadWorld(c.world, paths)
	if err != nil {
		return nil, err
	}
	progress.say("looking for the way of the request among %d objects", len(w.Objects))
	e, err := explainIn(w.snapshot(), question{q, c.viewer})
	progress.stop()
	w.tellErrors(cmd.ErrOrStderr())
	switch {
	case errors.Is(err, traffic.ErrListener):
		return nil, withHint(usagef("%w", err), "choose one with --listener, --gateway or --port")
	case errors.Is(err, admin.ErrQuestion):
		return nil, usagef("%w", err)
	case err != nil:
		return nil, cannotf("%w", err)
	}
	placeOrigins(e, w.object)
	return e, nil
}

// placeOrigins fills in where the fields are that an explanation names.
func placeOrigins(e *traffic.Explanation, object func(api.Key) *api.Object) {
	for _, o := range e.Outcomes {
		if o.Forward != nil {
			for _, c := range o.Forward.Clusters {
				pinVersion(c, object)
			}
		}
	}
	e.EachOrigin(func(o *traffic.Origin) { o.Position = originPosition(object, o.Object, o.Path) })
}

// pinVersion says which of the versions of a Rollout a cluster comes from. The cluster itself
// does not depend on its place among them.
func pinVersion(c traffic.ClusterShare, object func(api.Key) *api.Object) {
	for i := range c.From {
		o := &c.From[i]
		found := object(o.Object)
		if found == nil || o.Object.Kind != api.KindRollout {
			continue
		}
		versions := found.Value.(*v1alpha1.Rollout).Spec.Versions
		if n := slices.IndexFunc(versions, func(v v1alpha1.Version) bool { return v.Name == c.Version }); n >= 0 {
			o.Path = fmt.Sprintf("spec.versions[%d]", n)
		}
	}
}

// arrives says whether every part of the request gets an answer that is no error of Envoy's.
func arrives(e *traffic.Explanation) bool {
	for _, o := range e.Outcomes {
		switch {
		case o.Kind == traffic.OutcomeKind(traffic.Redirect):
		case o.Forward == nil:
			return false
		default:
			for _, c := range o.Forward.Clusters {
				if c.Why != "" {
					return false
				}
			}
		}
	}
	return true
}
