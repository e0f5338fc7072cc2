package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/envoybin"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// maxRefusals bounds how many refusals are traced back in one fleet. Each takes a dozen runs of
// Envoy, of tens of milliseconds where there are few resources and seconds where there are many.
const maxRefusals = 20

// envoyCheckTimeout bounds one run of Envoy.
const envoyCheckTimeout = 2 * time.Minute

// anyEnvoy stands for whichever Envoy is found.
const anyEnvoy = "find"

// addEnvoyCheckFlag adds --envoy, alone or with a path. It is the command line's only: the same
// key in the config file tells run which Envoy to start.
func addEnvoyCheckFlag(cmd *cobra.Command, to *string) {
	f := cmd.Flags()
	f.StringVar(to, "envoy", "", "have the real Envoy check the translation, too; the binary at `path`, or the one that is found")
	f.Lookup("envoy").NoOptDefVal = anyEnvoy
	_ = f.SetAnnotation("envoy", commandLineOnly, nil)
	_ = cmd.MarkFlagFilename("envoy")
}

// envoyCheck asks the real Envoy whether it takes what manifests come to.
type envoyCheck struct {
	binary string
	dir    string // for configurations, which may hold private keys
}

// checkWithEnvoy has Envoy validate what every fleet would be sent, and gives what it refuses, on
// the objects and fields that it comes from, without positions. logf is told of a download. It
// fails where there is no Envoy, or where it does not run.
func checkWithEnvoy(ctx context.Context, binary string, t *traffic.Translation, logf func(string, ...any)) (problems []api.Problem, err error) {
	if binary == anyEnvoy {
		binary, err = envoybin.Find(ctx, logf)
	} else {
		_, err = os.Stat(binary)
	}
	if err != nil {
		return nil, withHint(cannotf("--envoy: there is no Envoy to ask: %w", err),
			"put envoy %s on PATH, or set %s to the path of one", envoybin.Version, envoybin.Env)
	}
	if out, err := exec.CommandContext(ctx, binary, "--version").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("envoy")) {
		return nil, withHint(cannotf("--envoy: %s is not an Envoy: it does not tell its version", binary),
			"put envoy %s on PATH, or set %s to the path of one", envoybin.Version, envoybin.Env)
	}
	dir, err := os.MkdirTemp("", "gateway-cp-validate-") // mode 0700
	if err != nil {
		return nil, cannotf("--envoy: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c := &envoyCheck{binary: binary, dir: dir}
	for _, fleet := range t.Fleets() {
		viewer := traffic.Viewer{Fleet: fleet}
		pieces, err := traffic.Pieces(t, viewer)
		if err != nil {
			return nil, cannotf("%w", err)
		}
		found, err := c.refusals(ctx, pieces, viewer)
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	slices.SortFunc(problems, api.Problem.Compare)
	// A route stands in a virtual host for each of its host names.
	return slices.CompactFunc(problems, func(a, b api.Problem) bool { return a.Object == b.Object && a.Path == b.Path }), nil
}

// refusals finds the pieces that Envoy refuses. Its message may name anything or nothing, so
// that they are found by trying: of the pieces in their order, the first so many are refused
// and one less are not, so the last of them is to blame. It is taken out, and so on, until the
// rest is accepted.
func (c *envoyCheck) refusals(ctx context.Context, pieces []traffic.Piece, of traffic.Viewer) ([]api.Problem, error) {
	var problems []api.Problem
	pieces = slices.Clone(pieces)
	checked := 0 // pieces before this one are accepted together
	for range maxRefusals {
		message, err := c.refusal(ctx, pieces, of)
		if err != nil || message == "" {
			return problems, err
		}
		n := checked + sort.Search(len(pieces)-checked, func(n int) bool {
			if err != nil {
				return true
			}
			var m string
			if m, err = c.refusal(ctx, pieces[:checked+n+1], of); m != "" {
				message = m
			}
			return m != ""
		})
		if err != nil {
			return nil, err
		}
		if n == len(pieces) { // refused as a whole, then not
			return nil, cannotf("--envoy: Envoy refuses the configuration of fleet %s only sometimes: %s", of.Fleet, message)
		}
		problems = append(problems, refusedPiece(pieces[n], message))
		pieces = slices.Delete(pieces, n, n+1)
		checked = n
	}
	last := &problems[len(problems)-1]
	last.Hint += "; there may be more that is refused: this is where the search ends"
	return problems, nil
}

// refusedPiece puts a refusal on the object that the piece comes from. Of a filter chain, the
// certificates may be to blame, too: they are named.
func refusedPiece(p traffic.Piece, message string) api.Problem {
	problem := api.Problem{
		Reason:   api.ReasonRefusedByEnvoy,
		Severity: api.Error,
		Message:  fmt.Sprintf("Envoy refuses the %s made from it: %s", p, message),
		Hint:     "change what Envoy's message speaks of; until then Envoys keep their last good version",
	}
	switch {
	case len(p.From) > 0:
		problem.Object, problem.Path = p.From[0].Object, p.From[0].Path
	case len(p.Sources) > 0:
		problem.Object = p.Sources[0]
	}
	for _, k := range p.Sources {
		if k.Kind == api.KindSecret && k != problem.Object {
			problem.Message += fmt.Sprintf(" (with %s)", k)
		}
	}
	return problem
}

// refusal has Envoy validate pieces, and gives its message when it refuses them.
func (c *envoyCheck) refusal(ctx context.Context, pieces []traffic.Piece, of traffic.Viewer) (string, error) {
	b, err := staticBootstrap(pieces, of, "")
	if err != nil {
		return "", err
	}
	data, err := proto.Marshal(b)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, "bootstrap.pb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", cannotf("--envoy: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, envoyCheckTimeout)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, c.binary, "--mode", "validate", "-c", path, "--log-level", "critical")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case ctx.Err() != nil:
		return "", cannotf("--envoy: %s does not end: %w", c.binary, ctx.Err())
	case errors.As(err, &exit) && exit.Exited():
		if message, ok := refusalMessage(out.String(), path); ok {
			return message, nil
		}
	}
	return "", cannotf("--envoy: %s: %w: %s", c.binary, err, strings.TrimSpace(out.String()))
}

// refusalMessage takes Envoy's message out of its log. It is false for an end of another kind,
// such as of a binary that is no Envoy.
func refusalMessage(log, path string) (string, bool) {
	_, message, ok := strings.Cut(log, "error initializing configuration '"+path+"': ")
	if !ok {
		return "", false
	}
	message = strings.TrimSpace(message)
	if i := strings.Index(message, "\n["); i >= 0 { // the next line of the log
		message = strings.TrimSpace(message[:i])
	}
	return strings.Join(strings.Fields(message), " "), true
}
