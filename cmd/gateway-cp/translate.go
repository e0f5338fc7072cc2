package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/deploy/envoy"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// translateConfig is what translate prints.
type translateConfig struct {
	world        worldOptions
	viewer       traffic.Viewer
	object       string
	types        []string
	static       bool
	showSecrets  bool
	secretDir    string
	adminAddress string
	format       string
}

func newTranslateCommand() *cobra.Command {
	var c translateConfig
	cmd := &cobra.Command{
		Use:   "translate PATH...",
		Short: "Print the Envoy configuration that manifests come to",
		Long: `Translate reads manifests as serve would, and prints what an Envoy of a fleet is sent: listeners,
routes, clusters, endpoints and secrets. Rollouts are where a first deployment puts them, or
where --state says they stand. PATH may be - for standard input.

With --static it prints a bootstrap with which a plain Envoy serves all of it, without any
control plane. Private keys are needed there: --secret-dir writes them to files that only you
can read, --show-secrets puts them into the output. Otherwise secrets are left out.`,
		Example: `  gateway-cp translate manifests
  gateway-cp translate manifests --object HTTPRoute/web/shop
  gateway-cp translate manifests --type cluster,endpoint -o json
  gateway-cp translate manifests --static >envoy.yaml && envoy -c envoy.yaml`,
		Args: minArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.world.Stdin = cmd.InOrStdin()
			return translate(cmd.OutOrStdout(), cmd.ErrOrStderr(), c, args)
		},
	}
	f := cmd.Flags()
	addWorldFlags(cmd, &c.world)
	addViewerFlags(f, &c.viewer)
	f.StringVar(&c.object, "object", "", "only what comes from one object: KIND/NAMESPACE/NAME, or KIND/NAME")
	f.StringSliceVar(&c.types, "type", nil, "only these types: "+strings.Join(typeNames(), ", "))
	f.BoolVar(&c.static, "static", false, "print a bootstrap for an Envoy without a control plane")
	f.BoolVar(&c.showSecrets, "show-secrets", false, "print private keys, too")
	f.StringVar(&c.secretDir, "secret-dir", "", "with --static: write certificates and keys to files in this directory")
	f.StringVar(&c.adminAddress, "envoy-admin-address", "", "with --static: Envoy's admin interface, host:port or unix:///path (default: none)")
	enumFlag(cmd, &c.format, "output", "o", "output format", "yaml", "json")
	_ = cmd.MarkFlagDirname("secret-dir")
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(typeNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func typeNames() []string {
	var names []string
	for t := range resource.NumTypes {
		names = append(names, t.String())
	}
	return names
}

// translate prints what the paths come to. What is wrong with them goes to stderr: the
// configuration is printed without it, as Envoys would be sent it.
func translate(stdout, stderr io.Writer, c translateConfig, paths []string) error {
	if err := c.check(); err != nil {
		return err
	}
	w, err := loadWorld(c.world, paths)
	if err != nil {
		return err
	}
	snapshot := w.snapshot()
	if c.viewer.Fleet, err = oneFleet(snapshot, c.viewer.Fleet); err != nil {
		return err
	}
	pieces, err := traffic.Pieces(snapshot, c.viewer)
	if err != nil {
		return cannotf("%w", err)
	}
	if pieces, err = c.choose(pieces, w); err != nil {
		return err
	}
	if c.static {
		err = c.printStatic(stdout, pieces)
	} else {
		err = c.printResources(stdout, pieces)
	}
	if err != nil {
		return err
	}
	w.tellErrors(stderr)
	if hasErrors(w.Problems) {
		return errProblems
	}
	return nil
}

// check refuses flags that do not fit together.
func (c *translateConfig) check() error {
	for _, t := range c.types {
		if !slices.Contains(typeNames(), t) {
			return usagef("--type: %q is not one of %s", t, strings.Join(typeNames(), ", "))
		}
	}
	switch {
	case c.static && (c.object != "" || len(c.types) > 0):
		return withHint(usagef("--static prints everything: a part of it would not run"), "leave out --object and --type")
	case !c.static && c.secretDir != "":
		return usagef("--secret-dir goes with --static")
	case !c.static && c.adminAddress != "":
		return usagef("--envoy-admin-address goes with --static")
	case c.secretDir != "" && c.showSecrets:
		return usagef("--secret-dir and --show-secrets: keys go to one place only")
	case c.adminAddress != "":
		return checkAddress("envoy-admin-address", c.adminAddress)
	}
	return nil
}

// choose keeps the pieces that were asked for.
func (c *translateConfig) choose(pieces []traffic.Piece, w *world) ([]traffic.Piece, error) {
	if len(c.types) > 0 {
		pieces = slices.DeleteFunc(pieces, func(p traffic.Piece) bool { return !slices.Contains(c.types, p.Key.Type.String()) })
	}
	if c.object == "" {
		return pieces, nil
	}
	key, err := parseObject(c.object)
	if err != nil {
		return nil, err
	}
	if w.object(key) == nil {
		return nil, withHint(usagef("--object: there is no %s among what was read", key), "write KIND/NAMESPACE/NAME, such as HTTPRoute/web/shop")
	}
	return slices.DeleteFunc(pieces, func(p traffic.Piece) bool { return !p.ComesFrom(key) }), nil
}

// parseObject reads KIND/NAMESPACE/NAME. Without a namespace it is "default", where the kind
// has one.
func parseObject(s string) (api.Key, error) {
	parts := strings.Split(s, "/")
	key := api.Key{}
	for _, k := range api.Kinds() {
		if strings.EqualFold(string(k.Kind), parts[0]) {
			key.Kind = k.Kind
		}
	}
	switch {
	case key.Kind == "" || len(parts) < 2 || len(parts) > 3:
		return key, withHint(usagef("--object: %q names no object", s), "write KIND/NAMESPACE/NAME, such as HTTPRoute/web/shop")
	case api.ClusterScoped(key.Kind):
		key.Name = parts[len(parts)-1]
	case len(parts) == 2:
		key.Namespace, key.Name = "default", parts[1]
	default:
		key.Namespace, key.Name = parts[1], parts[2]
	}
	return key, nil
}

// printResources prints resources as Envoys are sent them.
func (c *translateConfig) printResources(w io.Writer, pieces []traffic.Piece) error {
	list := struct {
		Fleet     string            `json:"fleet"`
		Resources []json.RawMessage `json:"resources"`
	}{c.viewer.Fleet, []json.RawMessage{}}
	for _, m := range traffic.Join(pieces) {
		if !c.showSecrets {
			if err := traffic.Redact(m); err != nil {
				return err
			}
		}
		wrapped, err := anypb.New(m)
		if err != nil {
			return err
		}
		data, err := envoy.JSON(wrapped)
		if err != nil {
			return err
		}
		list.Resources = append(list.Resources, data)
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if c.format == "json" {
		err = errors.Join(json.Indent(&out, data, "", "  "), out.WriteByte('\n'))
	} else {
		data, err = yaml.JSONToYAML(data)
		out.Write(data)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

// printStatic prints a bootstrap.
func (c *translateConfig) printStatic(w io.Writer, pieces []traffic.Piece) error {
	secrets := 0
	for i, p := range pieces {
		s, ok := p.Message.(*tlsv3.Secret)
		if !ok {
			continue
		}
		secrets++
		if c.secretDir != "" {
			moved, err := writeSecret(c.secretDir, s)
			if err != nil {
				return cannotf("--secret-dir: %w", err)
			}
			pieces[i].Message = moved
		}
	}
	if secrets > 0 && c.secretDir == "" && !c.showSecrets {
		return withHint(usagef("%s would have to be in the bootstrap, and secrets are not printed", plural(secrets, "private key")),
			"--secret-dir DIR writes them to files that only you can read, --show-secrets prints them")
	}
	b, err := staticBootstrap(pieces, c.viewer, c.adminAddress)
	if err != nil {
		return err
	}
	render := envoy.YAML
	if c.format == "json" {
		render = envoy.JSON
	}
	data, err := render(b)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// staticBootstrap is the bootstrap of an Envoy that has these pieces, and no control plane.
func staticBootstrap(pieces []traffic.Piece, of traffic.Viewer, adminAddress string) (proto.Message, error) {
	resources, err := traffic.Static(pieces)
	if err != nil {
		return nil, cannotf("%w", err)
	}
	b, err := envoy.Static(envoy.Options{
		NodeID: "static", Fleet: of.Fleet, Zone: of.Zone, NodeName: of.Node, AdminAddress: adminAddress,
	}, resources)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return b, nil
}

// writeSecret writes a certificate and its key to files, and gives a secret that names them.
func writeSecret(dir string, s *tlsv3.Secret) (*tlsv3.Secret, error) {
	c := s.GetTlsCertificate()
	if c == nil {
		return s, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	moved := proto.Clone(s).(*tlsv3.Secret)
	for _, f := range []struct {
		suffix string
		source *corev3.DataSource
	}{{".crt", moved.GetTlsCertificate().CertificateChain}, {".key", moved.GetTlsCertificate().PrivateKey}} {
		// A namespace has no dot.
		path := filepath.Join(dir, strings.ReplaceAll(s.Name, "/", ".")+f.suffix)
		if err := writePrivate(path, f.source.GetInlineBytes()); err != nil {
			return nil, err
		}
		f.source.Specifier = &corev3.DataSource_Filename{Filename: path}
	}
	return moved, nil
}

// writePrivate writes a file that only its owner can read, also where one was there that others
// could.
func writePrivate(path string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".secret-") // mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}
