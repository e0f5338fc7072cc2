package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gateway-cp/gateway-cp/resource"
)

// endpointsOfEach is how many endpoints a Service has in what is measured of the process.
const endpointsOfEach = 10

// processTable measures a real `gateway-cp serve` process: how long it takes from its start until
// it serves what it has read from files (a Service and an EndpointSlice each in a file of its
// own), with nothing in its state directory and once more with what the first run left there, and
// the memory that it has with ten clients that have acknowledged everything: all that is resident,
// and without what is mapped from files, such as the program itself.
func processTable() error {
	dir, err := os.MkdirTemp("", "gateway-cp-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := buildGatewayCP(dir)
	if err != nil {
		return err
	}
	w := table()
	fmt.Fprintln(w, "Services\tvalidate\tits peak\tcold start\tits CPU\tstart again\tits CPU\tpeak\tmemory\tof its own\t10 in sync\t")
	for _, services := range sizes {
		c := crowd{services: services}
		manifests := filepath.Join(dir, strconv.Itoa(services))
		if err := writeManifests(c, manifests); err != nil {
			return err
		}
		p := process{binary: binary, crowd: c, manifests: manifests, state: manifests + ".state"}
		checked, err := p.validate()
		if err != nil {
			return err
		}
		cold, err := p.serve(0)
		if err != nil {
			return err
		}
		again, err := p.serve(10)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", services,
			short(checked.ready), mib(checked.peak), short(cold.ready), short(cold.cpu), short(again.ready), short(again.cpu),
			mib(again.peak), mib(again.anonymous+again.files), mib(again.anonymous), short(again.synced))
	}
	return w.Flush()
}

// buildGatewayCP builds the product into a folder.
func buildGatewayCP(dir string) (string, error) {
	binary := filepath.Join(dir, "gateway-cp")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/gateway-cp/gateway-cp/cmd/gateway-cp").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build gateway-cp: %w\n%s", err, out)
	}
	return binary, nil
}

// writeManifests writes a Service and an EndpointSlice of the form in which Kubernetes has it for
// each of a crowd.
func writeManifests(c crowd, dir string) error {
	for i := range c.services {
		namespace, name := c.id(i)
		if err := os.MkdirAll(filepath.Join(dir, namespace), 0o700); err != nil {
			return err
		}
		b := &bytes.Buffer{}
		fmt.Fprintf(b, serviceManifest, namespace, name)
		if err := os.WriteFile(filepath.Join(dir, namespace, name+"-service.yaml"), b.Bytes(), 0o600); err != nil {
			return err
		}
		b.Reset()
		fmt.Fprintf(b, sliceManifest, namespace, name)
		for e := range endpointsOfEach {
			fmt.Fprintf(b, sliceEndpoint, 10+i>>16, i>>8&255, i&255, e+1, e%5, namespace, name, e, e%3)
		}
		if err := os.WriteFile(filepath.Join(dir, namespace, name+"-slice.yaml"), b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

const (
	serviceManifest = `apiVersion: v1
kind: Service
metadata:
  namespace: %s
  name: %[2]s
  labels:
    app.kubernetes.io/name: %[2]s
spec:
  selector:
    app.kubernetes.io/name: %[2]s
  ports:
  - name: http
    port: 80
    targetPort: 8080
`
	sliceManifest = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  namespace: %s
  name: %[2]s-x7k2p
  labels:
    kubernetes.io/service-name: %[2]s
addressType: IPv4
ports:
- name: http
  port: 8080
  protocol: TCP
endpoints:
`
	sliceEndpoint = `- addresses:
  - %d.%d.%d.%d
  conditions:
    ready: true
  nodeName: node-%d
  targetRef:
    kind: Pod
    namespace: %s
    name: %s-%d
  zone: zone-%d
`
)

// process is one gateway-cp to be measured.
type process struct {
	binary    string
	crowd     crowd
	manifests string
	state     string
}

// usage is what a process has used. Memory is in bytes.
type usage struct {
	ready  time.Duration // from its start until it is ready, or ends
	cpu    time.Duration // user and system until then
	synced time.Duration // from the connection of the first client until all are in sync
	// anonymous is memory of its own, files what is mapped from files (the program, the state
	// store): the kernel takes that back when it needs it. Peak is the most it had of both.
	anonymous, files, peak int64
}

// validate runs gateway-cp validate.
func (p process) validate() (u usage, err error) {
	cmd := exec.Command(p.binary, "validate", p.manifests)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return u, fmt.Errorf("validate: %w\n%s", err, out)
	}
	u.ready = time.Since(began)
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.peak = peakOf(cmd.ProcessState)
	return u, nil
}

// serve runs gateway-cp serve, with clients of the incremental protocol.
func (p process) serve(clients int) (u usage, err error) {
	xds, err := freeAddress()
	if err != nil {
		return u, err
	}
	health, err := freeAddress()
	if err != nil {
		return u, err
	}
	log := &bytes.Buffer{}
	cmd := exec.Command(p.binary, "serve", "--dir", p.manifests, "--state-dir", p.state,
		"--xds-address", xds, "--http-address", health, "--admin-socket", p.state+".sock")
	cmd.Stdout, cmd.Stderr = log, log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return u, err
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait())
		if err != nil {
			err = fmt.Errorf("serve: %w\n%s", err, log)
		}
	}()
	if err := waitReady("http://" + health + "/readyz"); err != nil {
		return u, err
	}
	u.ready = time.Since(began)
	if u.cpu, err = cpuOf(cmd.Process.Pid); err != nil {
		return u, err
	}
	if clients > 0 {
		began = time.Now()
		stop, err := connectClients(xds, p.crowd, clients)
		if err != nil {
			return u, err
		}
		defer stop()
		u.synced = time.Since(began)
	}
	time.Sleep(20 * time.Second) // the state store is written, and memory given back, later
	return u, memoryOf(cmd.Process.Pid, &u)
}

// connectClients connects clients, each with a connection of its own, and waits until they have
// everything.
func connectClients(address string, c crowd, clients int) (stop func(), err error) {
	var conns []io.Closer
	stop = func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	for n := range clients {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
		if err != nil {
			stop()
			return nil, err
		}
		conns = append(conns, conn)
		if _, err := connect(conn, n, c, resource.Cluster, resource.Listener, resource.Scope); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}

func waitReady(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("it does not get ready")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// freeAddress gives an address on loopback that nobody has at the moment.
func freeAddress() (string, error) {
	all, err := freeAddresses(1)
	return strings.Join(all, ""), err
}

// freeAddresses gives several, each another one.
func freeAddresses(n int) (all []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		all = append(all, l.Addr().String())
	}
	return all, nil
}

// memoryOf reads https://man7.org/linux/man-pages/man5/proc_pid_status.5.html.
func memoryOf(pid int, u *usage) error {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		var into *int64
		switch name {
		case "RssAnon":
			into = &u.anonymous
		case "RssFile":
			into = &u.files
		case "VmHWM":
			into = &u.peak
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err != nil {
			return err
		}
		*into = kib << 10
	}
	return nil
}

// cpuOf reads https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime, in
// hundredths of a second.
func cpuOf(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

func peakOf(state *os.ProcessState) int64 {
	if u, ok := state.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10
	}
	return 0
}

func mib(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }
