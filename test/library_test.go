package test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	rpc "google.golang.org/grpc" // grpc is a word of imports_test.go
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/test/harness"
	"github.com/gateway-cp/gateway-cp/xds"
)

// The program of examples/library moves a real Envoy to another cluster in one change, again and
// again, without losing a request; when it is killed and comes back with the same content, Envoy
// changes nothing.
func TestLibraryProgramServesAnEnvoy(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	program := filepath.Join(e.Dir, "library")
	if out, err := exec.Command("go", "build", "-o", program, "../examples/library").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address, listen := e.Address(e.FreePort()), e.Address(e.FreePort())
	p, say := startLibrary(t, e, program, address, listen)
	line := map[string]string{}
	for _, version := range []string{"blue", "green"} {
		line[version] = fmt.Sprintf("%s %s %s", version, e.Backend(version).Address, e.Backend(version).Address)
	}
	say(line["blue"])
	envoy := e.StartEnvoy("gw-1", address)
	one := harness.Stream{URL: "http://" + listen + "/", Rate: 500}
	e.Await("blue answers", 60*time.Second, one.Answers("blue"))

	load := e.Load(one)
	version := ""
	for n := range counts(200) {
		version = []string{"green", "blue"}[n%2]
		say(line[version])
		e.Await(version+" answers", 20*time.Second, one.Answers(version))
		if err := e.Pause(30 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	say("green nonsense") // is told, and changes nothing
	e.Await("the program complains", 20*time.Second, func() error {
		if !strings.Contains(p.Log(), `"green nonsense": `) {
			return errors.New("it has not")
		}
		return nil
	})

	p.Kill()
	before := envoyStats(t, envoy)
	_, say = startLibrary(t, e, program, address, listen)
	say(line[version])
	e.Await("Envoy has come back", 60*time.Second, func() error {
		if now := envoyStats(t, envoy); now["control_plane.connected_state"] != 1 || now["cluster_manager.cds.update_attempt"] <= before["cluster_manager.cds.update_attempt"] {
			return fmt.Errorf("%v", now)
		}
		return nil
	})
	for stat, n := range envoyStats(t, envoy) {
		if regexp.MustCompile(`_(modified|added|removed|in_place_updated|draining)$`).MatchString(stat) && n != before[stat] {
			t.Errorf("%s was %d, and is %d after a restart with the same content", stat, before[stat], n)
		}
	}
	samples := load.Stop()
	if load.Failed() > 0 || len(samples) == 0 {
		t.Errorf("%d of %d requests failed", load.Failed(), len(samples))
	}
	t.Logf("%d requests, %d failed", len(samples), load.Failed())
}

// startLibrary starts the program with a pipe for its standard input.
func startLibrary(t *testing.T, e *harness.Env, program, address, listen string) (p *harness.Process, say func(string)) {
	t.Helper()
	pipe := filepath.Join(e.Dir, "lines")
	_ = os.Remove(pipe)
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.OpenFile(pipe, os.O_RDWR, 0) // which does not wait for the other end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	p = e.Start("library", "/bin/sh", "-c", `exec "$0" --xds-address "$1" --listen "$2" <"$3"`, program, address, listen, pipe)
	return p, func(line string) {
		t.Helper()
		if _, err := fmt.Fprintln(in, line); err != nil {
			t.Fatal(err)
		}
	}
}

// envoyStats are what an Envoy says of its listeners, clusters and its control plane.
func envoyStats(t *testing.T, envoy *harness.Envoy) map[string]int {
	t.Helper()
	page, err := envoy.Get("/stats?filter=^(listener_manager|cluster_manager|control_plane)")
	if err != nil {
		t.Fatal(err)
	}
	stats := map[string]int{}
	for line := range strings.Lines(page) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); err == nil {
			stats[name] = n
		}
	}
	return stats
}

// The same content in other bytes is another version, and is sent, but Envoy drains nobody for it:
// docs/decisions/0009-bytes-over-an-upgrade.md leans on that.
func TestOtherBytesDrainNobody(t *testing.T) {
	e := harness.New(t)
	server := xds.NewServer(nil)
	g := rpc.NewServer(server.Options()...)
	server.Register(g)
	l, err := net.Listen("tcp", e.Address(0))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	address := e.Address(e.FreePort())
	echo := e.Backend("one").Address

	all := resource.NewCollection(resource.Encoding{})
	set, err := all.Set(tcpListener(t, address), staticCluster(echo.Addr().String(), uint32(echo.Port())))
	if err != nil {
		t.Fatal(err)
	}
	server.Apply(set)
	envoy := e.StartEnvoy("gw-1", l.Addr().String())
	envoy.AwaitLive()
	var conn net.Conn
	e.Await("Envoy listens", 20*time.Second, func() (err error) {
		conn, err = net.Dial("tcp", address)
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	askOn(t, conn)

	before := envoyStats(t, envoy)
	for i, entry := range set.Entries {
		again := *entry.Output
		if entry.Key.Type == resource.Listener {
			again.Bytes = otherFilter(t, again.Bytes)
		}
		again.Bytes = otherOrder(again.Bytes)
		set.Entries[i].Output = &again
	}
	number := server.Apply(set)
	e.Await("Envoy has taken it", 20*time.Second, func() error {
		if status := server.Summary(); len(status) != 1 || status[0].Applied != number || len(status[0].Refused) > 0 {
			return fmt.Errorf("%+v", status)
		}
		return nil
	})
	after := envoyStats(t, envoy)
	for _, kind := range []string{"listener_manager.lds", "cluster_manager.cds"} {
		if stat := kind + ".update_success"; after[stat] <= before[stat] {
			t.Errorf("%s was %d and is %d: nothing was sent", stat, before[stat], after[stat])
		}
	}
	for stat, n := range after {
		if regexp.MustCompile(`_(modified|added|removed|in_place_updated|draining)$`).MatchString(stat) && n != before[stat] {
			t.Errorf("%s was %d, and is %d", stat, before[stat], n)
		}
	}
	askOn(t, conn) // the connection is still open
}

// askOn sends a request on a connection and reads the head of the answer.
func askOn(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200") {
		t.Fatalf("%q, %v", answer[:n], err)
	}
}

// otherOrder encodes a message with its first field last, which must not be a repeated one.
func otherOrder(encoded []byte) []byte {
	number, kind, n := protowire.ConsumeTag(encoded)
	n += protowire.ConsumeFieldValue(number, kind, encoded[n:])
	return append(slices.Clone(encoded[n:]), encoded[:n]...)
}

// otherFilter does that to the filter in a listener.
func otherFilter(t *testing.T, encoded []byte) []byte {
	t.Helper()
	l := &listenerv3.Listener{}
	if err := proto.Unmarshal(encoded, l); err != nil {
		t.Fatal(err)
	}
	filter := l.FilterChains[0].Filters[0].GetTypedConfig()
	filter.Value = otherOrder(filter.Value)
	again, err := proto.Marshal(l)
	if err != nil || len(again) != len(encoded) || bytes.Equal(again, encoded) {
		t.Fatalf("the filter is not encoded in another order: %v", err)
	}
	return again
}

func socketAddress(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

func tcpListener(t *testing.T, address string) *listenerv3.Listener {
	t.Helper()
	host, text, _ := net.SplitHostPort(address)
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := anypb.New(&tcpv3.TcpProxy{StatPrefix: "t", ClusterSpecifier: &tcpv3.TcpProxy_Cluster{Cluster: "c"}})
	if err != nil {
		t.Fatal(err)
	}
	return &listenerv3.Listener{Name: "l", Address: socketAddress(host, uint32(port)), FilterChains: []*listenerv3.FilterChain{{
		Filters: []*listenerv3.Filter{{Name: "tcp", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: proxy}}},
	}}}
}

func staticCluster(host string, port uint32) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 "c",
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: "c", Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
				Endpoint: &endpointv3.Endpoint{Address: socketAddress(host, port)}}}},
		}}},
	}
}
