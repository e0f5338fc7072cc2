package test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

var (
	fleetFireSeed  = flag.Uint64("fleetfire.seed", 0, "the only seed of TestEnvoysUnderFire; 0: those that it has by itself")
	fleetFireEdits = flag.Int("fleetfire.edits", 300, "how many edits TestEnvoysUnderFire makes with -fleetfire.seed")
	fleetFireKill  = flag.Bool("fleetfire.kill", false, "whether TestEnvoysUnderFire kills serve with -fleetfire.seed")
)

// fireRun is one run of the test.
type fireRun struct {
	seed  uint64
	edits int
	kill  bool // serve is killed every fifty edits, or after half of them
}

// Three Envoys of one control plane, one of them behind a long and thin line. What they serve is
// edited again and again, faster than the slow one hears of it. At all times every Envoy answers
// whatever must be answered, and in the end all have the same, which is what they should have.
func TestEnvoysUnderFire(t *testing.T) {
	t.Parallel()
	runs := []fireRun{{1, 40, true}}
	if soaking {
		runs = []fireRun{{1, 300, false}, {2, 300, false}, {3, 300, false}, {4, 300, true}, {5, 300, true}}
	}
	if *fleetFireSeed != 0 {
		runs = []fireRun{{*fleetFireSeed, *fleetFireEdits, *fleetFireKill}}
	}
	for _, run := range runs {
		t.Run(fmt.Sprintf("seed %d", run.seed), func(t *testing.T) { newFleetFire(t, run).burn() })
	}
}

// fireEnvoy is one Envoy, of a fleet of its own, so that its answers can be told apart: all
// fleets have every Service, and a Gateway with the same routes.
type fireEnvoy struct {
	*harness.Envoy
	fleet            string
	service, gateway int
	extra            []int // ports of listeners that come and go
}

// fleetFire is the world of the test.
type fleetFire struct {
	*harness.Env
	*rand.Rand // all chance comes from the seed
	run        fireRun
	ports      map[int]bool
	c          *harness.ControlPlane
	envoys     []*fireEnvoy
	load       *harness.Load
	retired    *retirement

	edit     int
	history  []string
	good     map[string]string // what each file shall hold in the end
	broken   map[string]bool   // files that hold something else
	pools    map[string][]*harness.Backend
	shares   map[string]int // of the versions of "web"
	shop     int            // the version of "shop" that the file asks for
	shopRuns []*harness.Backend
	listed   bool // the file names the version before as well
	passing  map[string]*passing
	made     int          // how many that pass were made
	open     []int        // of each further listener, which of those that came and went it is; 0 while closed
	taken    net.Listener // on a port that an Envoy is asked to listen on
	// floors are moments from which on no request may be answered by an elder version of "shop".
	floors []fireFloor
}

// fireFloor is a moment since which all Envoys have had a version, and until when it was the
// newest that there was.
type fireFloor struct {
	from, to time.Time
	version  int
}

// What the slow line does: a change and its answer take a third of a second.
const (
	slowDelay = 150 * time.Millisecond
	slowRate  = 256 << 10
)

func newFleetFire(t *testing.T, run fireRun) *fleetFire {
	f := &fleetFire{
		Env: harness.New(t), Rand: rand.New(rand.NewPCG(run.seed, 0)), run: run,
		ports: map[int]bool{}, good: map[string]string{}, broken: map[string]bool{}, pools: map[string][]*harness.Backend{},
		shares: map[string]int{"web-blue": 5000, "web-green": 5000}, passing: map[string]*passing{}, open: make([]int, 2),
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("edits:\n%s", strings.Join(f.history, "\n"))
			t.Logf("replay it: go test ./test -count=1 -race -v -run '^TestEnvoysUnderFire$' -fleetfire.seed=%d -fleetfire.edits=%d -fleetfire.kill=%v",
				run.seed, run.edits, run.kill)
		}
	})
	f.DrainTime = 3 * time.Second // until then a listener that is gone keeps its routes, and their clusters
	for _, fleet := range []string{"a", "b", "slow"} {
		f.envoys = append(f.envoys, &fireEnvoy{
			fleet: fleet, service: f.port(), gateway: f.port(), extra: []int{f.port(), f.port()},
		})
	}
	f.manifests()
	f.c = f.Serve()
	slow := f.SlowLink(f.c.XDS, slowDelay, slowRate)
	for i, e := range f.envoys {
		xds, interval := f.c.XDS, "200ms"
		if i == 2 {
			xds, interval = slow.Address, "2s" // else the statistics alone fill the line
		}
		e.Envoy = f.StartEnvoy("gw-"+e.fleet, xds, "--fleet", e.fleet, "--envoy-stats-interval", interval)
	}
	for _, e := range f.envoys {
		e.AwaitLive()
	}
	return f
}

// port is a free one that no other of this world's listeners has: Envoys share a port without a
// word, and each would get a part of the other's requests.
func (f *fleetFire) port() int {
	for {
		if p := f.FreePort(); !f.ports[p] {
			f.ports[p] = true
			return p
		}
	}
}

// streams is a light load on everything that must always be answered.
func (f *fleetFire) streams() []harness.Stream {
	var all []harness.Stream
	for _, e := range f.envoys {
		service, gateway := "http://"+f.Address(e.service)+"/", "http://"+f.Address(e.gateway)
		all = append(all,
			harness.Stream{Name: "web at the Service of " + e.fleet, URL: service, Host: "web.default"},
			harness.Stream{Name: "shop at the Service of " + e.fleet, URL: service, Host: "shop.default.svc", HTTP2: true},
			harness.Stream{Name: "plain at the Service of " + e.fleet, URL: service, Host: "plain.default"},
			harness.Stream{Name: "plain at the Service of " + e.fleet, URL: service + "?delay=1s", Host: "plain.default"},
			harness.Stream{Name: "web at the Gateway of " + e.fleet, URL: gateway + "/", Host: "web.example.com", HTTP2: true},
			harness.Stream{Name: "web or plain at the Gateway of " + e.fleet, URL: gateway + "/api", Host: "web.example.com"},
			harness.Stream{Name: "shop at the Gateway of " + e.fleet, URL: gateway + "/", Host: "shop.example.com"},
			harness.Stream{Name: "plain at the Gateway of " + e.fleet, URL: gateway + "/abc", Host: "picky.example.com"},
		)
	}
	for i := range all {
		all[i].Rate, all[i].Timeout = 5, 30*time.Second // what a busy machine takes is no failure
	}
	return all
}

func (f *fleetFire) burn() {
	for _, s := range f.streams() {
		s.URL, _, _ = strings.Cut(s.URL, "?") // the slow ones need not be awaited
		f.Await(s.Name+" answers at "+s.URL, 30*time.Second, status(s, http.StatusOK))
	}
	f.settle()
	f.load = f.Load(f.streams()...)
	f.retired = newRetirement(f)
	began := time.Now()
	for f.edit = 1; f.edit <= f.run.edits; f.edit++ {
		f.history = append(f.history, fmt.Sprintf("%s %3d %s", time.Now().Format("15:04:05.000"), f.edit, f.next()))
		if err := f.Pause(time.Duration(f.IntN(120)) * time.Millisecond); err != nil {
			f.Fatalf("%v", err)
		}
		if f.load.Failed() > 0 || f.Failed() {
			f.Fatalf("after edit %d: %s", f.edit, f.load.Stop().Failures())
		}
		if f.run.kill && f.edit%min(50, (f.run.edits+1)/2) == 0 {
			f.history = append(f.history, time.Now().Format("15:04:05.000")+"     kill -9 of serve")
			f.retired.killed(func() { f.c.Kill() })
			f.c.Start()
		}
		if f.edit%100 == 75 {
			f.settle()
		}
	}
	took := time.Since(began)
	f.settle()
	requests := 0
	for _, name := range sortedKeys(f.passing) {
		f.Await(name+" answers everywhere", 30*time.Second, f.passing[name].answers)
		requests += f.passing[name].end()
	}
	f.retired.end()
	samples := f.load.Stop()
	f.check(samples)
	f.Logf("seed %d: %d edits in %s, %d processes stopped, %d things came and went; %d requests to what is always there and %d to what was left, p99 %s",
		f.run.seed, f.run.edits, took.Round(time.Millisecond), f.retired.count(), f.made, len(samples), requests, samples.Quantile(0.99))
}

// settle mends what is broken, and waits until all three have everything, say so, and do.
func (f *fleetFire) settle() {
	f.Helper()
	f.mend()
	f.c.AwaitStatus("all is well", 60*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 || s.Held != nil {
			return fmt.Errorf("held: %+v, problems: %v", s.Held, s.Problems)
		}
		for _, r := range s.Rollouts {
			if r.Name == "shop" && (r.Live != shopVersion(f.shop) || r.Phase != "Stable") {
				return fmt.Errorf("rollout: %+v, want %s", r, shopVersion(f.shop))
			}
		}
		return harness.InSync(3)(s)
	})
	// Envoy's threads take it over one by one.
	if err := f.Pause(300 * time.Millisecond); err != nil {
		f.Fatalf("%v", err)
	}
	f.floors = append(f.floors, fireFloor{from: time.Now(), version: f.shop})
	if f.edit == 0 {
		return // what is looked at below is what edits have left
	}
	for _, e := range f.envoys {
		f.Await("fleet diff of "+e.ID+" shows nothing", 20*time.Second, func() error {
			if out, code := f.c.CLI("fleet", "diff", e.ID, "--envoy-admin", e.EnvoyAdmin.Address); code != 0 {
				return fmt.Errorf("it exits with %d: %s", code, out)
			}
			return nil
		})
	}
}

func shopVersion(i int) string { return fmt.Sprint("shop-", i) }

// check looks at all requests: none failed, each was answered by what it asked for, and nobody saw
// an elder version of "shop" once all Envoys had a newer one.
func (f *fleetFire) check(samples harness.Samples) {
	f.Helper()
	if text := samples.Failures(); text != "" {
		f.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	for _, s := range samples {
		app, number, _ := strings.Cut(s.Version, "-")
		asked, _, _ := strings.Cut(s.Stream, " at ")
		if s.Failure == "" && !slices.Contains(strings.Split(asked, " or "), app) {
			f.Fatalf("%s was answered by %q at %s", s.Stream, s.Version, s.Start)
		}
		if app != "shop" {
			continue
		}
		got, err := strconv.Atoi(number)
		if err != nil {
			f.Fatalf("%v", err)
		}
		for _, floor := range f.floors {
			if s.Start.After(floor.from) && (got < floor.version || got > floor.version && s.End().Before(floor.to)) {
				f.Fatalf("%s was answered by %s at %s, when version %d was the newest and all Envoys had had it since %s",
					s.Stream, s.Version, s.Start, floor.version, floor.from)
			}
		}
	}
	for _, s := range f.streams() {
		if len(samples.Of(s.Name)) == 0 {
			f.Errorf("nothing was asked of %s", s.Name)
		}
	}
}
