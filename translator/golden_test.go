package translator

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/resource"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var update = flag.Bool("update", false, "rewrite the goldens with what is translated now")

// TestGolden runs testdata/*.txtar, one behaviour a file. A file holds
//
//	a comment: why this is so; a line "show: endpoint scope" chooses what is printed
//	(types of resources, "problems" and "statuses"; without it, everything)
//	-- *.yaml --     the manifests
//	-- want --       what they translate to
//	-- 1/*.yaml --   optionally, manifests that are then set
//	-- 1/delete --   objects that are then deleted, a line each: Service shop/web
//	-- 1/want --     what that changes
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runGolden(t, file) })
	}
}

func runGolden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	show := shown(string(archive.Comment))
	var out txtar.Archive
	out.Comment = archive.Comment
	tr := New()
	for step := 0; ; step++ {
		dir := ""
		if step > 0 {
			dir = fmt.Sprintf("%d/", step)
		}
		var changes []Change
		found := false
		for _, f := range archive.Files {
			name, in := strings.CutPrefix(f.Name, dir)
			if !in || strings.Contains(name, "/") || name == "want" {
				continue
			}
			found = true
			out.Files = append(out.Files, f)
			if name == "delete" {
				changes = append(changes, deletions(t, string(f.Data))...)
			} else {
				changes = append(changes, manifests(t, f.Data)...)
			}
		}
		if !found {
			break
		}
		set := tr.Apply(changes)
		out.Files = append(out.Files, txtar.File{Name: dir + "want", Data: printed(t, tr, set, show)})
		checkRefs(t, tr)
	}
	got := txtar.Format(&out)
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s differs (-want +got):\n%s\nIf the new output is right: go test ./translator -run TestGolden -update", file, cmp.Diff(string(want), string(got)))
}

// shown reads the line "show: …" of a golden's comment.
func shown(comment string) func(string) bool {
	for line := range strings.Lines(comment) {
		if list, ok := strings.CutPrefix(line, "show:"); ok {
			fields := strings.Fields(list)
			return func(what string) bool { return slices.Contains(fields, what) }
		}
	}
	return func(string) bool { return true }
}

func deletions(t *testing.T, list string) []Change {
	var changes []Change
	for line := range strings.Lines(list) {
		var k api.Key
		kind, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			t.Fatalf("delete: want \"Kind namespace/name\" or \"Kind name\", not %q", line)
		}
		k.Kind, k.Name = api.Kind(kind), name
		if namespace, rest, namespaced := strings.Cut(name, "/"); namespaced {
			k.Namespace, k.Name = namespace, rest
		}
		changes = append(changes, Change{Key: k})
	}
	return changes
}

// manifests decodes and admits YAML documents.
func manifests(t *testing.T, data []byte) []Change {
	t.Helper()
	var changes []Change
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return changes
		}
		if err != nil {
			t.Fatal(err)
		}
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			t.Fatal(err)
		}
		if meta.Kind == "" {
			continue
		}
		info, ok := api.Lookup(meta.GroupVersionKind())
		if !ok {
			t.Fatalf("%s is not read", meta.GroupVersionKind())
		}
		value := info.New()
		if err := yaml.UnmarshalStrict(document, value); err != nil {
			t.Fatal(err)
		}
		changes = append(changes, Change{Object: admitted(t, value)})
		changes[len(changes)-1].Key = changes[len(changes)-1].Object.Key
	}
}

type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// admitted sets the defaults of an object, as every source does.
func admitted(t fatal, value api.Value) *api.Object {
	t.Helper()
	if problems := admission.Admit(value); admission.HasError(problems) {
		t.Fatalf("not admitted: %v", problems)
	}
	key, _ := api.KeyOf(value)
	return &api.Object{Key: key, Value: value}
}

// printed gives a change set for people, and the problems and statuses that stand.
func printed(t *testing.T, tr *Translator, set resource.ChangeSet, show func(string) bool) []byte {
	var b bytes.Buffer
	for _, e := range set.Entries {
		if show(e.Key.Type.String()) {
			b.WriteString(printedEntry(t, e))
		}
	}
	if show("statuses") {
		for _, s := range tr.Statuses() {
			y, err := yaml.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "--- # status\n%s", y)
		}
	}
	if show("problems") {
		for _, p := range tr.Problems() {
			fmt.Fprintf(&b, "--- # problem\n%s\n", p)
		}
	}
	return b.Bytes()
}

func printedEntry(t *testing.T, e resource.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- # %s %s", e.Key.Type, e.Key.Name)
	if e.Key.Part != "" {
		fmt.Fprintf(&b, " part %s", e.Key.Part)
	}
	if e.Key.Audience != resource.Everyone {
		fmt.Fprintf(&b, " of %s", e.Key.Audience.Name)
	}
	b.WriteString("\n")
	o := e.Output
	if o == nil {
		b.WriteString("# gone\n")
		return b.String()
	}
	for _, c := range o.Clusters {
		healthy := ""
		if c.Healthy {
			healthy = ", healthy"
		}
		fmt.Fprintf(&b, "# sends to %s%s\n", c.Name, healthy)
	}
	for _, f := range o.Fetches {
		fmt.Fprintf(&b, "# fetches %s %s\n", f.Type, f.Name)
	}
	if o.Invalid {
		b.WriteString("# invalid\n")
	}
	if o.HealthChecked {
		b.WriteString("# health-checked\n")
	}
	if e.Key.Type == resource.Endpoint {
		fmt.Fprintf(&b, "# ready %d of %d\n", o.Ready, o.Total)
	}
	if o.Fallback != nil {
		b.WriteString("# has a fallback\n")
	}
	for _, s := range o.Sources {
		fmt.Fprintf(&b, "# from %s\n", s)
	}
	b.Write(printedMessage(t, messageOf(e.Key.Type), o.Bytes))
	return b.String()
}

// messageOf gives an empty message of a type. A part is one, too, with nothing else in it.
func messageOf(t resource.Type) message {
	switch t {
	case resource.Cluster:
		return &clusterv3.Cluster{}
	case resource.Endpoint:
		return &endpointv3.ClusterLoadAssignment{}
	case resource.Secret:
		return &tlsv3.Secret{}
	case resource.Listener:
		return &listenerv3.Listener{}
	case resource.Scope:
		return &routev3.ScopedRouteConfiguration{}
	}
	return &routev3.RouteConfiguration{}
}

func printedMessage(t *testing.T, m message, encoded []byte) []byte {
	if err := proto.Unmarshal(encoded, m); err != nil {
		t.Fatal(err)
	}
	j, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.JSONToYAML(j)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// checkRefs: whatever an output names is there, for the same Envoys.
func checkRefs(t fatal, tr *Translator) {
	t.Helper()
	outputs := map[resource.Key]*resource.Output{}
	tr.Outputs(func(k resource.Key, o *resource.Output) {
		if outputs[k] != nil {
			t.Fatalf("two units build %v", k)
		}
		outputs[k] = o
	})
	for k, o := range outputs {
		refs := slices.Clone(o.Fetches)
		for _, c := range o.Clusters {
			refs = append(refs, resource.Ref{Type: resource.Cluster, Name: c.Name})
		}
		for _, ref := range refs {
			if ref.Name == resource.All {
				continue
			}
			there := false
			for _, a := range seenWith(k.Audience) {
				there = there || outputs[resource.Key{Type: ref.Type, Audience: a, Name: ref.Name}] != nil
			}
			if !there {
				t.Fatalf("%v names %v, which is not there", k, ref)
			}
		}
		if k.Part != "" && outputs[resource.Key{Type: k.Type, Audience: k.Audience, Name: k.Name}] == nil {
			t.Fatalf("%v is a part of nothing", k)
		}
	}
}

// seenWith are the audiences whose resources are seen by all who see those of an audience.
func seenWith(a resource.Audience) []resource.Audience {
	all := []resource.Audience{a, resource.Everyone}
	if a.Scope == resource.Proxyless {
		all = append(all, resource.OfFleet(a.Name))
	}
	return all
}
