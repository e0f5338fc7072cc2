package resource_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// keys gives what a change set is about, for people.
func keys(set resource.ChangeSet) string {
	var all []string
	for _, e := range set.Entries {
		key := strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Key.Type, e.Key.Name, e.Key.Part))
		if e.Output == nil {
			key = "-" + key
		}
		all = append(all, key)
	}
	return strings.Join(all, ", ")
}

func routesOf(hosts ...*routev3.VirtualHost) *routev3.RouteConfiguration {
	return &routev3.RouteConfiguration{Name: "r", VirtualHosts: hosts}
}

// Only what differs is in a change set, down to the virtual host.
func TestCollection(t *testing.T) {
	c := resource.NewCollection(resource.Encoding{})
	step := func(want string, set resource.ChangeSet, err error) {
		t.Helper()
		if err != nil || keys(set) != want {
			t.Errorf("got %q, %v, want %q", keys(set), err, want)
		}
	}
	set, err := c.Set(routesOf(virtualHost("a", "one"), virtualHost("b", "two")), edsCluster("one"), edsCluster("two"))
	step("cluster one, cluster two, route r, route r a, route r b", set, err)
	set, err = c.Set(edsCluster("one"))
	step("", set, err)
	set, err = c.Set(routesOf(virtualHost("b", "three"), virtualHost("c", "one")))
	step("-route r a, route r b, route r c", set, err)
	// One that cannot be keeps all from being set.
	if set, err = c.Set(edsCluster("four"), edsCluster(""), routesOf(&routev3.VirtualHost{Name: "x"})); err == nil ||
		!strings.Contains(err.Error(), "cluster") || !strings.Contains(err.Error(), "route r") || len(set.Entries) > 0 {
		t.Errorf("got %q, %v", keys(set), err)
	}
	set, err = c.Replace(edsCluster("four"), routesOf(virtualHost("b", "three")))
	step("cluster four, -cluster one, -cluster two, -route r c", set, err)
	step("-cluster four", c.Remove(resource.Cluster, "four", "never there"), nil)
	step("", c.Remove(resource.Cluster, "four"), nil)
	set, err = c.Set(edsCluster("four"))
	step("cluster four", set, err)
}

// Whatever is done to a collection, the change sets come to what one from scratch would say.
func TestCollectionEqualsScratch(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	c := resource.NewCollection(resource.Encoding{})
	there := map[string]proto.Message{}
	world := map[resource.Key]*resource.Output{}
	for step := range 300 {
		var set resource.ChangeSet
		var err error
		m := randomMessage(random)
		name := string(m.ProtoReflect().Descriptor().Name()) + m.(interface{ GetName() string }).GetName()
		switch random.IntN(6) {
		case 0:
			set, err = c.Replace(m)
			clear(there)
			there[name] = m
		case 1:
			kind := resource.Cluster
			if _, ok := m.(*routev3.RouteConfiguration); ok {
				kind = resource.Route
			}
			set = c.Remove(kind, m.(interface{ GetName() string }).GetName())
			delete(there, name)
		default:
			set, err = c.Set(m)
			there[name] = m
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range set.Entries {
			if before := world[e.Key]; before == nil && e.Output == nil || before != nil && e.Output != nil && before.Same(e.Output) {
				t.Fatalf("seed %d, step %d: %v does not differ", seed, step, e.Key)
			}
			if e.Output == nil {
				delete(world, e.Key)
			} else {
				world[e.Key] = e.Output
			}
		}
		n := 0
		for _, m := range there {
			entries, _ := resource.Encoding{}.Entries(m)
			n += len(entries)
			for _, e := range entries {
				if o := world[e.Key]; o == nil || !o.Same(e.Output) {
					t.Fatalf("seed %d, step %d: %v is not what it should be", seed, step, e.Key)
				}
			}
		}
		if n != len(world) {
			t.Fatalf("seed %d, step %d: %d outputs, want %d", seed, step, len(world), n)
		}
	}
}

func randomMessage(random *rand.Rand) proto.Message {
	names := []string{"a", "b", "c"}
	if random.IntN(2) == 0 {
		c := edsCluster(names[random.IntN(len(names))])
		c.AltStatName = names[random.IntN(len(names))]
		return c
	}
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	m := routesOf()
	for _, n := range names[:random.IntN(len(names)+1)] {
		m.VirtualHosts = append(m.VirtualHosts, virtualHost(n, names[random.IntN(len(names))]))
	}
	if random.IntN(4) == 0 { // no names of their own: it is one piece
		m.VirtualHosts = append(m.VirtualHosts, slices.Clone(m.VirtualHosts)...)
	}
	return m
}
