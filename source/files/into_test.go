package files

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/gateway-cp/gateway-cp/api"
)

// otherTypes are Go types of kinds that are only checked.
var otherTypes = map[string]func() any{
	"Deployment":              func() any { return new(appsv1.Deployment) },
	"StatefulSet":             func() any { return new(appsv1.StatefulSet) },
	"DaemonSet":               func() any { return new(appsv1.DaemonSet) },
	"Job":                     func() any { return new(batchv1.Job) },
	"CronJob":                 func() any { return new(batchv1.CronJob) },
	"Ingress":                 func() any { return new(networkingv1.Ingress) },
	"NetworkPolicy":           func() any { return new(networkingv1.NetworkPolicy) },
	"PodDisruptionBudget":     func() any { return new(policyv1.PodDisruptionBudget) },
	"HorizontalPodAutoscaler": func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
	"ClusterRole":             func() any { return new(rbacv1.ClusterRole) },
}

// What into reads, the library reads without an error, and as the same object: in all manifests that
// there are in examples and tests, and in what changing them at random makes of them.
func TestIntoReadsAsTheLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	read, left := 0, 0
	for _, original := range everyManifest(t) {
		root := original
		make := newOf(root)
		if make == nil {
			continue
		}
		for range 20 {
			doc, err := root.appendJSON(nil, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			got, want := make(), make()
			if !root.into(got) {
				left++
			} else {
				read++
				strict, err := kjson.UnmarshalStrict(doc, want)
				if err != nil || len(strict) > 0 {
					t.Fatalf("read, though the library says %v %v:\n%s", err, strict, doc)
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("the library reads\n%+v, not\n%+v:\n%s", want, got, doc)
				}
			}
			root = disturbed(random, original, 0)
		}
	}
	if read < 2000 || left < 500 {
		t.Errorf("%d objects were read, and %d not: too few to say anything", read, left)
	}
}

// newOf gives how an object is made for a document; nil for kinds without a type here.
func newOf(n *node) func() any {
	apiVersion, _ := n.get("apiVersion").text()
	kind, _ := n.get("kind").text()
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil
	}
	if info, known := api.Lookup(gv.WithKind(kind)); known {
		return func() any { return info.New() }
	}
	return otherTypes[kind]
}

func everyManifest(t *testing.T) (roots []*node) {
	t.Helper()
	for _, dir := range []string{"../../examples", "../../schema/testdata", "../../lint/testdata", "../../cmd/gateway-cp/testdata", "../../translator/testdata"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, segment := range split(text) {
				docs, _ := parse(text, segment)
				for _, doc := range docs {
					if len(doc.errs) == 0 {
						roots = append(roots, doc.root)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return roots
}

// disturbed gives a copy of a document with something changed.
func disturbed(random *rand.Rand, n *node, depth int) *node {
	c := *n
	switch {
	case n.kind == mapNode && len(n.fields) > 0:
		c.fields = append([]field(nil), n.fields...)
		i := random.IntN(len(c.fields))
		switch name := c.fields[i].name; {
		case depth == 0 && (name == "kind" || name == "apiVersion"):
		case random.IntN(12) == 0:
			c.fields[i].name += "x"
		default:
			c.fields[i].value = disturbed(random, c.fields[i].value, depth+1)
		}
	case n.kind == listNode && len(n.items) > 0:
		c.items = append([]*node(nil), n.items...)
		i := random.IntN(len(c.items))
		c.items[i] = disturbed(random, c.items[i], depth+1)
	case random.IntN(3) > 0:
		values := []node{
			{scalar: "null"}, {scalar: "true"}, {scalar: "7"}, {scalar: "-1"}, {scalar: "1.5"}, {scalar: "9223372036854775808"}, {scalar: "2147483648"},
			{kind: mapNode}, {kind: listNode}, {isText: true}, {scalar: "é\n", isText: true}, {scalar: "5s", isText: true}, {scalar: "12", isText: true}, {scalar: "Zm9v", isText: true},
		}
		c = values[random.IntN(len(values))]
	}
	return &c
}
