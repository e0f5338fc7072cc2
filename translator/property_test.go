package translator

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// After every random edit: what has been translated step by step is, byte for byte, what a
// translation of the same objects from scratch gives, in whatever order they come; the change
// sets, laid over each other, are the outputs, however many goroutines build; nothing is named that is not there; and whatever
// is not marked invalid passes Envoy's validation.
func TestIncrementalEqualsFull(t *testing.T) { rapid.Check(t, incrementalEqualsFull) }

// FuzzTranslate lets the fuzzer choose the edits. Each choice takes eight bytes, so short inputs
// come to nothing; the seeds are long enough for several batches.
func FuzzTranslate(f *testing.F) {
	for seed := range uint64(16) {
		random, bytes := rand.New(rand.NewPCG(seed, 0)), make([]byte, 16<<10)
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		f.Add(bytes)
	}
	f.Fuzz(rapid.MakeFuzz(incrementalEqualsFull))
}

func incrementalEqualsFull(t *rapid.T) {
	tr := New(BindClusterIPs)
	objects := map[api.Key]*api.Object{}
	outputs := map[resource.Key]*resource.Output{}
	for range rapid.IntRange(1, 8).Draw(t, "batches") {
		var changes []Change
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			c := genChange(t, objects)
			changes = append(changes, c)
			if c.Object == nil {
				delete(objects, c.Key)
			} else {
				objects[c.Key] = c.Object
			}
		}
		if tr.many = manyNodes; rapid.Bool().Draw(t, "several goroutines") {
			tr.many = 1
		}
		for _, e := range tr.Apply(changes).Entries {
			if before := outputs[e.Key]; e.Output == nil && before == nil || e.Output != nil && before != nil && before.Same(e.Output) {
				t.Fatalf("%v is not a change", e.Key)
			}
			if e.Output == nil {
				delete(outputs, e.Key)
			} else {
				outputs[e.Key] = e.Output
			}
		}
		want := dump(fromScratch(t, objects))
		if got := dump(tr); got != want {
			t.Fatalf("incremental:\n%s\nfull:\n%s", got, want)
		}
		if got, want := dumpOutputs(outputs), dumpOutputs(outputsOf(tr)); got != want {
			t.Fatalf("change sets:\n%s\noutputs:\n%s", got, want)
		}
		checkRefs(t, tr)
		checkValid(t, tr)
	}
}

func genChange(t *rapid.T, objects map[api.Key]*api.Object) Change {
	if len(objects) > 0 && rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
		keys := slices.SortedFunc(maps.Keys(objects), api.Key.Compare)
		return Change{Key: rapid.SampledFrom(keys).Draw(t, "deleted")}
	}
	o := genObject(t)
	return Change{Key: o.Key, Object: o}
}

// fromScratch translates objects in a random order.
func fromScratch(t *rapid.T, objects map[api.Key]*api.Object) *Translator {
	keys := slices.SortedFunc(maps.Keys(objects), api.Key.Compare)
	var changes []Change
	if len(keys) > 0 {
		for _, k := range rapid.Permutation(keys).Draw(t, "order") {
			changes = append(changes, Change{Key: k, Object: objects[k]})
		}
	}
	tr := New(BindClusterIPs)
	tr.Apply(changes)
	return tr
}

func outputsOf(tr *Translator) map[resource.Key]*resource.Output {
	outputs := map[resource.Key]*resource.Output{}
	tr.Outputs(func(k resource.Key, o *resource.Output) { outputs[k] = o })
	return outputs
}

// dump spells everything that a translator gives.
func dump(tr *Translator) string {
	var b strings.Builder
	b.WriteString(dumpOutputs(outputsOf(tr)))
	for _, p := range tr.Problems() {
		fmt.Fprintln(&b, p)
	}
	for _, s := range tr.Statuses() {
		j, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s\n", j)
	}
	return b.String()
}

func dumpOutputs(outputs map[resource.Key]*resource.Output) string {
	var b strings.Builder
	for _, k := range slices.SortedFunc(maps.Keys(outputs), resource.Key.Compare) {
		fmt.Fprintf(&b, "%v %+v\n", k, *outputs[k])
	}
	return b.String()
}

func checkValid(t *rapid.T, tr *Translator) {
	for k, o := range outputsOf(tr) {
		for _, b := range [][]byte{o.Bytes, o.Fallback} {
			if b == nil || o.Invalid {
				continue
			}
			m := messageOf(k.Type)
			if err := proto.Unmarshal(b, m); err != nil {
				t.Fatalf("%v: %v", k, err)
			}
			if k.Part != "" {
				continue // has nothing but the part; validated when it was made
			}
			if err := m.ValidateAll(); err != nil {
				t.Fatalf("%v is not marked invalid: %v", k, err)
			}
		}
		if o.Invalid {
			if len(tr.Problems()) == 0 {
				t.Fatalf("%v is invalid, and no problem says so", k)
			}
		}
	}
}
