package replica

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/rollout"
)

func certificateFor(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	if !strings.Contains(name, "://") {
		return &x509.Certificate{DNSNames: []string{"other.example.com", name}}
	}
	u, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{URIs: []*url.URL{u}}
}

// running is a leader that serves at an address, until stop.
type running struct {
	*Leader
	address string
	stop    func()
}

func startLeader(t *testing.T, dir, address string) *running {
	t.Helper()
	db := openState(t, dir)
	leader, err := NewLeader(LeaderOptions{Name: "a", Version: "v1", MaxFollowers: 2, State: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- leader.Serve(ctx, l, insecure.NewCredentials()) }()
	r := &running{Leader: leader, address: l.Addr().String()}
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
		_ = db.Close()
	}
	t.Cleanup(r.stop)
	return r
}

func startFollower(t *testing.T, name, address string, at Position, load func() []Load) *Follower {
	t.Helper()
	f := NewFollower(FollowerOptions{
		Leader: address, Name: name, Version: "v2", Position: at, Credentials: insecure.NewCredentials(),
		Log: slog.New(slog.DiscardHandler), Load: load,
		Status: func() json.RawMessage { return json.RawMessage(`["of ` + name + `"]`) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f
}

func noLoad() []Load { return nil }

func await(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for range 3000 {
		if err = check(); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: %v", what, err)
}

// awaitNews waits for decisions, and gives those that came last.
func awaitNews(t *testing.T, f *Follower) (n News) {
	t.Helper()
	await(t, "news", func() error {
		all := f.Take()
		if len(all) == 0 {
			return fmt.Errorf("none; the leader: %+v", f.Leader())
		}
		n = all[len(all)-1]
		return nil
	})
	return n
}

func decisionOn(name, version string) rollout.Decision {
	return rollout.Decision{Namespace: "shop", Name: name, Service: name, State: rollout.State{
		Versions: []rollout.VersionState{{Name: version, Weight: 10000}},
	}}
}

func publish(t *testing.T, l *running, changed []rollout.Decision, gone ...api.Key) {
	t.Helper()
	if err := l.Publish(changed, gone); err != nil {
		t.Fatal(err)
	}
}

func TestDecisionsReachFollowers(t *testing.T) {
	l := startLeader(t, t.TempDir(), "127.0.0.1:0")
	publish(t, l, []rollout.Decision{decisionOn("web", "blue"), decisionOn("api", "v1")})
	f := startFollower(t, "b", l.address, Position{}, noLoad)
	n := awaitNews(t, f)
	if !n.All || len(n.Decisions) != 2 || n.Position != l.Position() {
		t.Fatalf("at first: %+v", n)
	}
	publish(t, l, []rollout.Decision{decisionOn("web", "green")}, rollout.Key("shop", "api"))
	n = awaitNews(t, f)
	if n.All || len(n.Decisions) != 1 || n.Decisions[0].State.Versions[0].Name != "green" || len(n.Gone) != 1 || n.Gone[0].Name != "api" {
		t.Fatalf("then: %+v", n)
	}
	if s := l.Followers()[0]; s.Lag <= 0 {
		t.Errorf("the follower lags though it has put nothing into effect: %+v", s)
	}
	f.InEffect(Effect{Position: n.Position, Revision: "r1", Held: map[string]string{"shop/web": "why"}})
	await(t, "the leader knows what is in effect", func() error {
		if s := l.Followers()[0]; s.Lag != 0 || s.Effect.Revision != "r1" || s.Effect.Held["shop/web"] != "why" || s.Version != "v2" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if answers, silent := l.Ask(ctx); string(answers["b"]) != `["of b"]` || len(silent) > 0 {
		t.Errorf("answers: %s, silent: %v", answers, silent)
	}
}

func TestFollowersComeBackAndRefuseOldStates(t *testing.T) {
	dir, old := t.TempDir(), t.TempDir()
	l := startLeader(t, dir, "127.0.0.1:0")
	publish(t, l, []rollout.Decision{decisionOn("web", "blue")})
	f := startFollower(t, "b", l.address, Position{}, noLoad)
	awaitNews(t, f)
	l.stop()
	await(t, "the leader is missed", func() error {
		if s := f.Leader(); s.Connected || s.Problem == "" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	l = startLeader(t, dir, l.address) // with its own state, it goes on
	if n := awaitNews(t, f); !n.All || n.Position != l.Position() {
		t.Fatalf("%+v", n)
	}
	l.stop()
	l = startLeader(t, old, l.address) // a state directory of another history
	await(t, "the leader is refused", func() error {
		if s := f.Leader(); !s.Refused || !strings.Contains(s.Problem, "another history") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if n := f.Take(); len(n) > 0 {
		t.Errorf("taken from a leader that is refused: %+v", n)
	}
	if !f.Accept() {
		t.Error("it cannot be accepted")
	}
	if n := awaitNews(t, f); !n.All || n.Position != l.Position() {
		t.Errorf("%+v", n)
	}
	if f.Accept() {
		t.Error("there is nothing to accept any more")
	}
}

func TestObservationsOfFollowers(t *testing.T) {
	l := startLeader(t, t.TempDir(), "127.0.0.1:0")
	f := startFollower(t, "b", l.address, Position{}, noLoad)
	all := []Node{{ID: "gw-1", Fleet: "default"}, {ID: "gw-2", Fleet: "default"}, {ID: "gw-3", Fleet: "other"}}
	warm := ClusterState{Warm: true, Healthy: 2, Reported: true}
	report := Report(7, map[string]ClusterState{"gw-1": warm, "gw-2": {}, "gw-3": warm})
	if report.Most != warm || len(report.Others) != 1 {
		t.Fatalf("%+v", report)
	}
	f.Observed(all, map[string]*ClusterReport{"web": &report})
	serves := func(n Node) bool { return n.Fleet == "default" }
	on := func(cluster string, content uint64) (text string) {
		for _, c := range l.Cluster(cluster, content, serves) {
			text += fmt.Sprintf("%s@%s warm=%v healthy=%d unknown=%v lost=%v; ", c.Envoy, c.Replica, c.Warm, c.Healthy, c.Unknown, c.Lost)
		}
		return text
	}
	awaitOn := func(what, cluster string, content uint64, want string) {
		t.Helper()
		await(t, what, func() error {
			if got := on(cluster, content); got != want {
				return fmt.Errorf("%s, want %s", got, want)
			}
			return nil
		})
	}
	awaitOn("as reported", "web", 7, "gw-1@b warm=true healthy=2 unknown=false lost=false; gw-2@b warm=false healthy=0 unknown=false lost=false; ")
	awaitOn("other content", "web", 8, "gw-1@b warm=true healthy=2 unknown=true lost=false; gw-2@b warm=false healthy=0 unknown=true lost=false; ")
	awaitOn("another cluster", "api", 7, "gw-1@b warm=false healthy=0 unknown=true lost=false; gw-2@b warm=false healthy=0 unknown=true lost=false; ")
	if clusters, every := l.Observations(); !every || len(clusters) != 1 {
		t.Errorf("observed: %v, %v", clusters, every)
	}
	f.Observed(all[:1], nil)
	awaitOn("one has gone", "web", 7, "gw-1@b warm=true healthy=2 unknown=false lost=false; ")
	f.Observed(all[:1], map[string]*ClusterReport{"web": nil})
	awaitOn("the cluster has gone", "web", 7, "gw-1@b warm=false healthy=0 unknown=true lost=false; ")
}

// The Envoys of a follower that is lost count, until they turn up at another.
func TestLostEnvoys(t *testing.T) {
	l := startLeader(t, t.TempDir(), "127.0.0.1:0")
	stream, done := rawFollower(t, l.address, hello{Protocol: 1, Oldest: 1, Name: "b", Instance: "1"})
	if err := stream.SendMsg(&toLeader{Nodes: &nodes{[]Node{{ID: "gw-1", Fleet: "default"}}}}); err != nil {
		t.Fatal(err)
	}
	everyone := func(Node) bool { return true }
	await(t, "its Envoy is known", func() error {
		if on := l.Cluster("web", 1, everyone); len(on) != 1 || on[0].Lost {
			return fmt.Errorf("%+v", on)
		}
		return nil
	})
	done()
	await(t, "its Envoy is lost", func() error {
		if on := l.Cluster("web", 1, everyone); len(on) != 1 || !on[0].Lost || !on[0].Unknown {
			return fmt.Errorf("%+v", on)
		}
		return nil
	})
	if s := l.Followers(); len(s) != 1 || s[0].Connected || s[0].Envoys != 1 {
		t.Errorf("%+v", s)
	}
	f := startFollower(t, "c", l.address, Position{}, noLoad)
	f.Observed([]Node{{ID: "gw-1", Fleet: "default"}}, nil)
	await(t, "its Envoy is elsewhere", func() error {
		if on := l.Cluster("web", 1, everyone); len(on) != 1 || on[0].Replica != "c" || on[0].Lost {
			return fmt.Errorf("%+v", on)
		}
		return nil
	})
}

// An Envoy that has left a follower for another replica is not waited for once that follower is lost
// and the Envoy has left the other one, too: it is gone.
func TestLostEnvoysThatWereElsewhere(t *testing.T) {
	for _, c := range []struct {
		name string
		late bool // the follower is found to be lost only after the Envoy was elsewhere
		here bool // elsewhere is the leader itself
	}{
		{"first lost, then at another follower", false, false},
		{"first lost, then at the leader", false, true},
		{"found to be lost after it was at another follower", true, false},
		{"found to be lost after it was at the leader", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := startLeader(t, t.TempDir(), "127.0.0.1:0")
			stream, lose := rawFollower(t, l.address, hello{Protocol: 1, Oldest: 1, Name: "b", Instance: "1"})
			if err := stream.SendMsg(&toLeader{Nodes: &nodes{[]Node{{ID: "gw-1"}, {ID: "gw-2"}}}}); err != nil {
				t.Fatal(err)
			}
			on := func(want string) {
				t.Helper()
				await(t, want, func() error {
					got := ""
					for _, c := range l.Cluster("web", 1, func(Node) bool { return true }) {
						got += fmt.Sprintf("%s@%s lost=%v; ", c.Envoy, c.Replica, c.Lost)
					}
					if got != want {
						return fmt.Errorf("%q", got)
					}
					return nil
				})
			}
			on("gw-1@b lost=false; gw-2@b lost=false; ")
			if !c.late {
				lose()
				on("gw-1@b lost=true; gw-2@b lost=true; ")
			}
			if c.here {
				l.Here([]string{"gw-1"})
			} else {
				f := startFollower(t, "c", l.address, Position{}, noLoad)
				f.Observed([]Node{{ID: "gw-1"}}, nil)
				await(t, "it is elsewhere", func() error {
					if !slices.ContainsFunc(l.Followers(), func(s Status) bool { return s.Name == "c" && s.Envoys == 1 }) {
						return fmt.Errorf("%+v", l.Followers())
					}
					return nil
				})
				f.Observed(nil, nil)
			}
			if c.late {
				lose()
			}
			on("gw-2@b lost=true; ")
		})
	}
}

// rawFollower opens a stream without a Follower.
func rawFollower(t *testing.T, address string, first any) (grpc.ClientStream, func()) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	stream, err := conn.NewStream(ctx, &followStream, followMethod)
	if err != nil {
		t.Fatal(err)
	}
	if h, ok := first.(hello); ok {
		first = &toLeader{Hello: &h}
	}
	if err := stream.SendMsg(first); err != nil {
		t.Fatal(err)
	}
	return stream, cancel
}

// A newer replica says more than this one knows; one that speaks only what is not known here, and
// others that may not follow, are told so.
func TestWhoMayFollow(t *testing.T) {
	l := startLeader(t, t.TempDir(), "127.0.0.1:0")
	newer := map[string]any{"hello": map[string]any{
		"protocol": 9, "oldest": 1, "name": "b", "instance": "1", "mood": "good",
	}, "novelty": []int{1}}
	stream, _ := rawFollower(t, l.address, newer)
	var m toFollower
	if err := stream.RecvMsg(&m); err != nil {
		t.Fatal(err)
	}
	if m.Welcome == nil || m.Welcome.Protocol != Protocol || m.Decisions == nil || !m.Decisions.All {
		t.Errorf("%+v", m)
	}
	startFollower(t, "c", l.address, Position{}, noLoad)
	await(t, "two follow", func() error {
		if n := len(l.Followers()); n != 2 {
			return fmt.Errorf("%d do", n)
		}
		return nil
	})
	for _, c := range []struct {
		hello hello
		code  codes.Code
		why   string
	}{
		{hello{Protocol: 9, Oldest: 8, Name: "d"}, codes.FailedPrecondition, "protocols 8 to 9"},
		{hello{Protocol: 1, Oldest: 1, Name: "b", Instance: "2"}, codes.AlreadyExists, "a replica b follows already"},
		{hello{Protocol: 1, Oldest: 1, Name: "a", Instance: "2"}, codes.AlreadyExists, "the leader itself is called a"},
		{hello{Protocol: 1, Oldest: 1, Name: "d", Instance: "2"}, codes.AlreadyExists, "as many as may"},
		{hello{Protocol: 1, Oldest: 1}, codes.InvalidArgument, "must say who it is"},
	} {
		stream, _ := rawFollower(t, l.address, c.hello)
		err := stream.RecvMsg(&toFollower{})
		if grpcstatus.Code(err) != c.code || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%+v: %v, want %q", c.hello, err, c.why)
		}
	}
	// The same process again takes the place of its old stream, which may be half open.
	stream, _ = rawFollower(t, l.address, hello{Protocol: 1, Oldest: 1, Name: "b", Instance: "1"})
	if err := stream.RecvMsg(&toFollower{}); err != nil {
		t.Errorf("the same process again: %v", err)
	}
}

// What was reported before a leader heard of the follower first does not count; after that
// everything does, once.
func TestLoadAddsUp(t *testing.T) {
	l := newLoads()
	f := &follower{Name: "b", instance: "1"}
	say := func(base bool, success uint64) {
		l.add(f, loadReport{Base: base, Load: []Load{{Fleet: "x", Cluster: "web", Success: success}}})
	}
	say(true, 100)
	say(false, 130)
	say(true, 150) // a new stream of the same process
	f.instance = "2"
	l.add(f, loadReport{Base: true}) // it has started anew
	say(false, 5)
	if got := l.sum["web"]["x"].Success; got != 55 {
		t.Errorf("%d requests, want 55", got)
	}
}

func TestSaysOnlyWhatIsNew(t *testing.T) {
	s := newSays()
	next := func(load ...Load) toLeader { m, _ := s.next(load); return m }
	if m := next(); m.Load == nil || !m.Load.Base {
		t.Errorf("%+v", m)
	}
	web := Load{Fleet: "x", Cluster: "web", Success: 1}
	if m := next(web); m.Load == nil || !slices.Equal(m.Load.Load, []Load{web}) {
		t.Errorf("%+v", m)
	}
	if m, some := s.next([]Load{web}); some {
		t.Errorf("again: %+v", m)
	}
	s.again()
	if m := next(web); m.Nodes == nil || m.Effect == nil || m.Load == nil || !m.Load.Base || len(m.Load.Load) != 1 {
		t.Errorf("on a new stream: %+v", m)
	}
}
