package schematest

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/gateway-cp/gateway-cp/source/files"
)

// perKind is how many manifests of one kind are mutated.
const perKind = 3

var indices = regexp.MustCompile(`\[\d+\]`)

// TestServerAgreesOnMutations asks a real API server about manifests with one thing wrong.
func TestServerAgreesOnMutations(t *testing.T) {
	s := start(t)
	s.install(t)
	sleep()
	type task struct {
		d document
		m mutation
	}
	kinds := make(map[string]int)
	var tasks []task
	for _, d := range documents(t, corpora(t)...) {
		v, err := s.create(d.GVK, d.Key.Namespace, d.JSON)
		if err != nil {
			t.Fatal(err)
		}
		kind := d.GVK.String()
		if v.refused || d.refused() || kinds[kind] >= perKind || len(d.JSON) > 20000 {
			continue
		}
		kinds[kind]++
		var object map[string]any
		if err := json.Unmarshal(d.JSON, &object); err != nil {
			t.Fatal(err)
		}
		for _, m := range mutate(object) {
			tasks = append(tasks, task{d, m})
		}
	}
	var mu sync.Mutex
	both, none, ours, theirs := 0, 0, map[string]int{}, map[string]int{}
	work := make(chan task)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for w := range work {
				v, err := s.create(w.d.GVK, w.d.Key.Namespace, w.m.json)
				if err != nil {
					t.Error(err)
					continue
				}
				problems := check(files.Document{GVK: w.d.GVK, Key: w.d.Key, JSON: w.m.json, Origin: w.d.Origin})
				refused := document{problems: problems}.refused()
				what := fmt.Sprintf("%s: %s", w.d.GVK.Kind, indices.ReplaceAllString(w.m.what, "[]"))
				mu.Lock()
				switch {
				case v.refused && refused:
					both++
				case !v.refused && !refused:
					none++
				case refused:
					ours[what+": "+problems[0].Message]++
				default:
					theirs[what+": "+v.message]++
				}
				mu.Unlock()
			}
		})
	}
	for _, w := range tasks {
		work <- w
	}
	close(work)
	group.Wait()
	t.Logf("%d kinds, %d mutations: both refuse %d, both accept %d, only we refuse %d, only the server refuses %d",
		len(kinds), len(tasks), both, none, sum(ours), sum(theirs))
	if out := os.Getenv("SCHEMATEST_OUT"); out != "" {
		f, err := os.Create(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for name, list := range map[string]map[string]int{"ours": ours, "theirs": theirs} {
			for what, n := range list {
				fmt.Fprintf(f, "%s\t%d\t%s\n", name, n, what)
			}
		}
	}
	// What schemas do not say and package schema does not know, see docs/schemas.md.
	if missed := sum(theirs); missed*50 > both {
		t.Errorf("%d of %d objects that the server refuses are not found: more than 2 %%", missed, both+missed)
	}
	var wrong []string
	for what := range ours {
		wrong = append(wrong, what)
	}
	slices.Sort(wrong)
	for _, what := range wrong {
		t.Errorf("only we refuse: %s", what)
	}
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}
