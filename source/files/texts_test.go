package files

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/api"
)

// An object does not keep the file in memory that it was read from: of a List that is edited again
// and again, each version would stay as long as one object was changed last in it.
func TestAnObjectKeepsOnlyItself(t *testing.T) {
	const versions, services = 30, 2000
	var list strings.Builder
	list.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	for i := range services {
		fmt.Fprintf(&list, "- apiVersion: v1\n  kind: Service\n  metadata: {name: s%d, namespace: \"web\", labels: {app: s%[1]d}}\n  spec:\n    ports:\n    - port: 80\n      name: http%[1]d\n", i)
	}
	text := []byte(list.String())
	var kept []api.Value
	before := heapInUse()
	for i := range versions {
		d := decode(&fileRef{name: "list.yaml"}, text, visitor{})
		if len(d.entries) != services || len(d.problems) > 0 {
			t.Fatalf("%d objects, problems %v", len(d.entries), d.problems)
		}
		kept = append(kept, d.entries[i].value)
	}
	if grown, all := heapInUse()-before, versions*len(text); grown > all/4 {
		t.Errorf("%d objects of as many versions keep %d KiB; all of the text is %d KiB", len(kept), grown>>10, all>>10)
	}
	runtime.KeepAlive(kept)
}

func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools let go of what they have at the second
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
