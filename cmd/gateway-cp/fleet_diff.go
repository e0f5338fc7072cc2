package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/configdump"
	"github.com/gateway-cp/gateway-cp/resource"
)

// dumpTimeout bounds how long an Envoy may take for its config dump: 10,000 clusters take it
// some seconds.
const dumpTimeout = time.Minute

// diffConfig says where the dump of an Envoy comes from.
type diffConfig struct {
	socket     *string
	format     string
	envoyAdmin string
	file       string
}

func newFleetDiffCommand(socket *string) *cobra.Command {
	c := diffConfig{socket: socket}
	cmd := &cobra.Command{
		Use:   "diff ENVOY",
		Short: "Compare what an Envoy should have with its own config dump",
		Long: `Diff asks a running gateway-cp what an Envoy should have, and the Envoy what it has, and tells for
every resource what is missing there, extra there, different (field by field), taken but not in use
yet (warming), or failed in its last update, and what gateway-cp knows of the cause. What the Envoy is
to lose and still needs, because a route that it has names it, or a request may still run, is no
difference: it is told as being on its way out, with the reason. Private keys are never shown; that one differs shows in the version. The health of endpoints is not compared.

Envoy's admin interface is usually on its own machine only. The Envoy of 'gateway-cp run' is asked by
itself; of others give --envoy-admin, or the page that it answered with as --config-dump. An Envoy that
gateway-cp does not know is compared with what one of its fleet, zone and node would get.

Exit codes: 0 the Envoy has what it should, 1 something differs, 3 one of the two could not be read.`,
		Example: `  gateway-cp fleet diff gw-1
  gateway-cp fleet diff gw-2 --envoy-admin 10.0.0.2:19000
  ssh gw-2 curl -s '127.0.0.1:19000/config_dump?include_eds' | gateway-cp fleet diff gw-2 --config-dump -`,
		Args: exactArgs("ENVOY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.envoyAdmin != "" && c.file != "" {
				return usagef("--envoy-admin and --config-dump contradict each other")
			}
			if c.envoyAdmin != "" {
				if err := checkAddress("envoy-admin", c.envoyAdmin); err != nil {
					return err
				}
			}
			return fleetDiff(cmd, c, args[0])
		},
		ValidArgsFunction: completeEnvoys(socket),
	}
	cmd.Flags().StringVar(&c.envoyAdmin, "envoy-admin", "", "admin interface of the Envoy: host:port or unix:///path")
	cmd.Flags().StringVar(&c.file, "config-dump", "", "what the Envoy's /config_dump?include_eds gave: a file, or - for standard input")
	_ = cmd.MarkFlagFilename("config-dump")
	outputFlag(cmd, &c.format)
	return cmd
}

func fleetDiff(cmd *cobra.Command, c diffConfig, id string) error {
	client, err := connect(*c.socket)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), dumpTimeout)
	defer cancel()
	page, err := c.open(ctx, cmd, client, id)
	if err != nil {
		return err
	}
	defer func() { _ = page.Close() }()
	dump, err := configdump.Read(page)
	if err != nil {
		return withHint(cannotf("the config dump of Envoy %s: %w", id, err), "it is what curl 'ADMIN-ADDRESS/config_dump?include_eds' prints")
	}
	if dump.ID != "" && dump.ID != id {
		return withHint(cannotf("this is the config dump of Envoy %q, not of %q", dump.ID, id), "name that one, or give the dump of the other")
	}
	config, known, err := wantedConfig(ctx, client, id, dump)
	if err != nil {
		return err
	}
	result := configdump.Compare(wants(config), dump)
	err = print(cmd.OutOrStdout(), c.format, result, func(w io.Writer) error {
		return writeDiff(w, config, known, result)
	})
	if err == nil && len(result.Differences) > 0 {
		return errProblems
	}
	return err
}

// open opens the dump: the file, what the admin interface answers, or that of the Envoy that the
// running gateway-cp supervises.
func (c diffConfig) open(ctx context.Context, cmd *cobra.Command, client *admin.Client, id string) (io.ReadCloser, error) {
	switch {
	case c.file == "-":
		return io.NopCloser(cmd.InOrStdin()), nil
	case c.file != "":
		f, err := os.Open(c.file)
		if err != nil {
			return nil, cannotf("--config-dump: %w", err)
		}
		return f, nil
	case c.envoyAdmin != "":
		return fetchDump(ctx, c.envoyAdmin)
	}
	s, err := client.Status(ctx)
	if err != nil {
		return nil, unanswered(err)
	}
	for _, e := range s.Named(id) {
		if e.AdminAddress != "" {
			return fetchDump(ctx, e.AdminAddress)
		}
	}
	if len(s.Named(id)) == 0 {
		return nil, cannotf("%w", unknownEnvoy(cmd.Parent(), s, id))
	}
	return nil, withHint(usagef("where is the admin interface of Envoy %s? This gateway-cp does not run it", id),
		"give --envoy-admin ADDRESS, or run curl 'ADDRESS/config_dump?include_eds' over there and give the page with --config-dump FILE")
}

// fetchDump asks an Envoy's admin interface.
func fetchDump(ctx context.Context, address string) (io.ReadCloser, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	host := address
	if path, ok := unixPath(address); ok {
		host = "envoy"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/config_dump?include_eds", nil)
	if err != nil {
		return nil, cannotf("%w", err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, withHint(cannotf("no Envoy answers on %s: %w", address, err),
			"if its admin interface can be reached on its own machine only, run curl there and give the page with --config-dump FILE")
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, cannotf("%s/config_dump: %s", address, resp.Status)
	}
	return resp.Body, nil
}

// wantedConfig is what the Envoy should have. Of several with the same id it is the one that is of
// the same fleet, zone and node as the dump. Known is false for one that is not in the fleet.
func wantedConfig(ctx context.Context, client *admin.Client, id string, d *configdump.Dump) (config admin.EnvoyConfig, known bool, err error) {
	all, err := client.Config(ctx, id)
	if err != nil {
		return config, false, unanswered(err)
	}
	for _, c := range all {
		if len(all) == 1 || c.Fleet == d.Fleet && c.Zone == d.Zone && c.Node == d.Node {
			return c, true, nil
		}
	}
	if len(all) > 1 {
		return all[0], true, nil
	}
	if d.ID == "" {
		return config, false, withHint(cannotf("no Envoy %q is connected, and the dump does not say which fleet it is of", id),
			"see 'gateway-cp fleet' for the ids")
	}
	fleet := d.Fleet
	if fleet == "" {
		fleet = "default"
	}
	config, err = client.ConfigFor(ctx, fleet, d.Zone, d.Node)
	config.ID = id
	if err != nil {
		return config, false, cannotf("%w", err)
	}
	return config, false, nil
}

// wants turns the admin API's form into that of the comparison. Resources of types that this
// program does not know come from a newer gateway-cp, and are left out.
func wants(config admin.EnvoyConfig) []configdump.Want {
	types := map[string]resource.Type{}
	for t := range resource.NumTypes {
		types[t.String()] = t
	}
	var all []configdump.Want
	for _, r := range config.Resources {
		t, known := types[r.Type]
		if !known {
			continue
		}
		all = append(all, configdump.Want{
			Ref: resource.Ref{Type: t, Name: r.Name}, Version: r.Version, Content: r.Content, Why: r.Why,
			Kept: r.Kept, Until: r.KeptUntil,
		})
	}
	return all
}

// kinds are the words for differences.
var kinds = map[configdump.Kind]string{
	configdump.Missing:   "missing there",
	configdump.Extra:     "extra there",
	configdump.Different: "different",
	configdump.Warming:   "warming",
	configdump.Failed:    "last update failed",
}

func writeDiff(w io.Writer, config admin.EnvoyConfig, known bool, r configdump.Result) error {
	var b strings.Builder
	switch {
	case !known:
		fmt.Fprintf(&b, "Envoy %s has never connected here; it is compared with what one of the fleet %s would get.\n", config.ID, config.Fleet)
	case !config.Connected:
		fmt.Fprintf(&b, "Envoy %s is not connected.\n", config.ID)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s %s: %s%s\n", d.Type, d.Name, kinds[d.Kind], versions(d))
		if d.Failure != "" {
			fmt.Fprintf(&b, "  Envoy says: %s\n", strings.Join(strings.Fields(d.Failure), " "))
		}
		for _, why := range d.Why {
			fmt.Fprintf(&b, "  %s\n", why)
		}
		for _, f := range d.Fields {
			writeField(&b, f)
		}
	}
	for _, t := range r.Unknown {
		fmt.Fprintf(&b, "The dump says nothing about %ss: get it with /config_dump?include_eds.\n", t)
	}
	writeKept(&b, r.Kept)
	if n := len(r.Differences); n == 0 {
		fmt.Fprintf(&b, "Envoy %s has what it should: %s.\n", config.ID, plural(r.Same, "resource"))
	} else {
		fmt.Fprintf(&b, "%s, %s the same (+ it should have, - it has).\n", plural(n, "difference"), plural(r.Same, "resource"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeKept tells of what is on its way out, a line for each reason.
func writeKept(b *strings.Builder, all []configdump.Kept) {
	names, until := map[string][]string{}, map[string]time.Time{}
	var reasons []string // in the order of all
	for _, k := range all {
		if len(names[k.Why]) == 0 {
			reasons = append(reasons, k.Why)
		}
		names[k.Why] = append(names[k.Why], k.Type+" "+k.Name)
		if k.Until.After(until[k.Why]) {
			until[k.Why] = k.Until
		}
	}
	for _, why := range reasons {
		fmt.Fprintf(b, "On its way out, kept")
		if at := until[why]; !at.IsZero() {
			fmt.Fprintf(b, " until %s", stamp(at))
		}
		fmt.Fprintf(b, ": %s (%s).\n", some(names[why], len(names[why])), why)
	}
}

func writeField(b *strings.Builder, f configdump.Field) {
	if f.Want == "" && f.Have == "" {
		fmt.Fprintf(b, "    %s\n", f.Path)
		return
	}
	if f.Want != "" {
		fmt.Fprintf(b, "  + %s: %s\n", f.Path, f.Want)
	}
	if f.Have != "" {
		fmt.Fprintf(b, "  - %s: %s\n", f.Path, f.Have)
	}
}

func versions(d configdump.Difference) string {
	switch {
	case d.WantVersion == "" || d.HaveVersion == "" || d.WantVersion == d.HaveVersion:
		return ""
	}
	return fmt.Sprintf(" (has version %s, should have %s)", d.HaveVersion, d.WantVersion)
}
