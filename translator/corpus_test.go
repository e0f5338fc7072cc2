package translator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// TestCorpus holds the translation of testdata/corpus/*.yaml against that of the release before:
// for everything that goes to an Envoy, NAME.sums has a hash of its bytes and one of its content.
// docs/decisions/0009-bytes-over-an-upgrade.md says what a difference means.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	chains := 0
	effects := map[string]int{}
	var differences strings.Builder
	for _, file := range files {
		sumsFile := strings.TrimSuffix(file, ".yaml") + ".sums"
		got := corpusSums(t, file)
		for name := range got {
			if strings.HasPrefix(name, "listener ") && strings.Contains(name, " part ") {
				chains++
			}
		}
		if *update {
			writeSums(t, sumsFile, got)
			continue
		}
		want := readSums(t, sumsFile)
		for _, name := range slices.Sorted(maps.Keys(union(got, want))) {
			if effect := effectOf(name, want[name], got[name]); effect != "" {
				effects[effect]++
				fmt.Fprintf(&differences, "  %s: %s: %s\n", file, name, effect)
			}
		}
	}
	if chains < 20 {
		t.Errorf("the corpus has %d filter chains only: is it still looked at?", chains)
	}
	if len(effects) > 0 {
		t.Errorf(corpusMessage, differences.String(), releaseNote(effects))
	}
}

const corpusMessage = `gateway-cp does not translate to the bytes any more that Envoys have from the release before:
%s
An Envoy is sent what differs when gateway-cp is upgraded, though nobody has changed a manifest. If that
is not meant, undo it: the order of map keys, fields that were left out and are written now, a new default.
If it is meant (or a new release of google.golang.org/protobuf encodes in another order), read
docs/decisions/0009-bytes-over-an-upgrade.md; then take up the new bytes and put this into the release notes:

  go test ./translator -run TestCorpus -update
%s`

// sums are the hashes of an output: of its bytes, and of what Envoy reads from them.
type sums struct{ bytes, content string }

// corpusSums translates a file of the corpus.
func corpusSums(t *testing.T, file string) map[string]sums {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tr := New()
	tr.Apply(manifests(t, data))
	all := map[string]sums{}
	tr.Outputs(func(k resource.Key, o *resource.Output) {
		name := fmt.Sprintf("%s %s", k.Type, k.Name)
		if k.Part != "" {
			name += " part " + k.Part
		}
		if k.Audience != resource.Everyone {
			name += " of " + k.Audience.Name
		}
		all[name] = sums{shortHash(o.Bytes), contentHash(t, k.Type, o.Bytes)}
		if o.Fallback != nil {
			all[name+" fallback"] = sums{shortHash(o.Fallback), contentHash(t, k.Type, o.Fallback)}
		}
	})
	return all
}

func shortHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// contentHash is a hash of a message that does not depend on how it is encoded.
func contentHash(t *testing.T, kind resource.Type, encoded []byte) string {
	t.Helper()
	m := messageOf(kind)
	if err := proto.Unmarshal(encoded, m); err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	hashMessage(t, h, m.ProtoReflect())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// hashMessage writes a message in a form of our own: fields by number, maps by key, and what is
// in an Any instead of its bytes.
func hashMessage(t *testing.T, h hash.Hash, m protoreflect.Message) {
	if wrapped, ok := m.Interface().(*anypb.Any); ok {
		inner, err := wrapped.UnmarshalNew()
		if err != nil {
			t.Fatalf("a type that this test does not link: %v", err)
		}
		fmt.Fprintf(h, "[%s]", wrapped.TypeUrl)
		m = inner.ProtoReflect()
	}
	var fields []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		fields = append(fields, f)
		return true
	})
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number() - b.Number()) })
	fmt.Fprintf(h, "{%d", len(fields))
	for _, f := range fields {
		v := m.Get(f)
		fmt.Fprintf(h, ";%d:", f.Number())
		switch {
		case f.IsList():
			fmt.Fprintf(h, "(%d", v.List().Len())
			for i := range v.List().Len() {
				hashValue(t, h, f, v.List().Get(i))
			}
		case f.IsMap():
			hashMap(t, h, f, v.Map())
		default:
			hashValue(t, h, f, v)
		}
	}
	fmt.Fprintf(h, "?%x}", m.GetUnknown())
}

func hashMap(t *testing.T, h hash.Hash, f protoreflect.FieldDescriptor, m protoreflect.Map) {
	var keys []protoreflect.MapKey
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	fmt.Fprintf(h, "<%d", len(keys))
	for _, k := range keys {
		fmt.Fprintf(h, "%q=", k.String())
		hashValue(t, h, f.MapValue(), m.Get(k))
	}
}

func hashValue(t *testing.T, h hash.Hash, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		hashMessage(t, h, v.Message())
	case protoreflect.BytesKind:
		fmt.Fprintf(h, "%x,", v.Bytes())
	default:
		fmt.Fprintf(h, "%q,", fmt.Sprint(v.Interface()))
	}
}

// effectOf says what a difference does to an Envoy that is upgraded to; nothing for none.
func effectOf(name string, want, got sums) string {
	kind, _, _ := strings.Cut(name, " ")
	isPart := strings.Contains(name, " part ")
	switch {
	case want == got:
		return ""
	case want == sums{}:
		return "new"
	case got == sums{}:
		return "gone"
	case want.content == got.content:
		return "the same content in other bytes: sent again, and Envoy takes no notice"
	case kind == "listener" && isPart:
		return "another filter chain: its connections are drained"
	case kind == "listener":
		return "another listener: all of its connections are drained"
	case kind == "cluster":
		return "another cluster: warmed and health-checked anew, with new connections to its endpoints"
	}
	return "replaced in place"
}

// releaseNote is what users of the release before must know.
func releaseNote(effects map[string]int) string {
	var b strings.Builder
	b.WriteString("\n  Upgrade: with this release each Envoy is sent, once and without a change of yours:\n")
	for _, effect := range slices.Sorted(maps.Keys(effects)) {
		fmt.Fprintf(&b, "  - %s (%d of the corpus)\n", effect, effects[effect])
	}
	return b.String()
}

func union(a, b map[string]sums) map[string]sums {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// A line of NAME.sums is the hash of the bytes, that of the content, and the name.
func writeSums(t *testing.T, file string, all map[string]sums) {
	t.Helper()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s %s %s\n", all[name].bytes, all[name].content, name)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readSums(t *testing.T, file string) map[string]sums {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\nA new file in the corpus gets its sums from: go test ./translator -run TestCorpus -update", err)
	}
	all := map[string]sums{}
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(fields) != 3 {
			t.Fatalf("%s: %q is no line of sums", file, line)
		}
		all[fields[2]] = sums{fields[0], fields[1]}
	}
	return all
}

// What the sums tell apart: other bytes for the same content, and another content, also of what is
// wrapped in an Any.
func TestSums(t *testing.T) {
	filter := func(codec hcmv3.HttpConnectionManager_CodecType) *listenerv3.Listener {
		var e encoder
		wrapped := e.any(&hcmv3.HttpConnectionManager{StatPrefix: "x", CodecType: codec, RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{
			Rds: &hcmv3.Rds{RouteConfigName: "r", ConfigSource: &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{}}}}})
		return &listenerv3.Listener{FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "hcm", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: wrapped}}}}}}
	}
	encode := func(messages ...message) (b []byte) {
		for _, m := range messages {
			var e encoder
			b = append(b, e.bytes(m)...)
		}
		return b
	}
	of := func(b []byte) sums { return sums{shortHash(b), contentHash(t, resource.Listener, b)} }
	name, chain := &listenerv3.Listener{Name: "l"}, filter(hcmv3.HttpConnectionManager_AUTO)
	before := of(encode(name, chain))
	for effect, after := range map[string]sums{
		"": before,
		"the same content in other bytes: sent again, and Envoy takes no notice": of(encode(chain, name)),
		"another filter chain: its connections are drained":                      of(encode(name, filter(hcmv3.HttpConnectionManager_HTTP2))),
		"gone": {},
	} {
		if got := effectOf("listener l part p", before, after); got != effect {
			t.Errorf("got %q, want %q", got, effect)
		}
	}
}
