package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	miekg "github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/dns"
)

// dnsRole is a process that answers DNS queries: all with a constant, or for a number of Services.
const dnsRole = "dns-server"

const (
	dnsBare     = "bare"
	dnsServices = 10_000
	dnsClients  = 16
	dnsRounds   = 9
	dnsRound    = time.Second
)

// dnsTable measures queries for the addresses of Services, over UDP, each client with one query on
// its way; beside a server of the same library that answers every query with the same record. Both
// run in turns.
func dnsTable() error {
	w := table()
	fmt.Fprintln(w, "server\tqueries/s\tof bare\tits CPU a query\tof bare\t")
	names := map[string]string{dnsBare: "bare, a constant", "gateway-cp": fmt.Sprintf("gateway-cp, %d Services", dnsServices)}
	order := []string{dnsBare, "gateway-cp"}
	servers := map[string]*dnsServer{}
	for _, kind := range order {
		s, err := startDNS(kind)
		if err != nil {
			return err
		}
		defer s.stop()
		servers[kind] = s
	}
	rates, costs := map[string][]float64{}, map[string][]float64{}
	for round := range dnsRounds + 1 { // the first is to warm up
		for _, kind := range order {
			rate, cost, err := servers[kind].load()
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			if round > 0 {
				rates[kind], costs[kind] = append(rates[kind], rate), append(costs[kind], cost)
			}
		}
	}
	median := func(all []float64) float64 { slices.Sort(all); return all[len(all)/2] }
	for _, kind := range order {
		rate, cost := median(rates[kind]), median(costs[kind])
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.1f µs\t%.2f\t\n", names[kind], rate, rate/median(rates[dnsBare]), cost*1e6, cost/median(costs[dnsBare]))
	}
	return w.Flush()
}

// beDNS serves, says where, and tells the CPU time that it has used for each line that it reads.
func beDNS(kind string, services int) error {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.LocalAddr().String()
	if kind == dnsBare {
		go func() { _ = (&miekg.Server{PacketConn: l, Handler: miekg.HandlerFunc(sameAnswer)}).ActivateAndServe() }()
	} else {
		if err := l.Close(); err != nil {
			return err
		}
		listener, err := dns.Listen(address)
		if err != nil {
			return err
		}
		server := dns.NewServer(dnsZone(services), dns.Options{Limits: dns.DefaultLimits()})
		go func() { _ = server.Serve(context.Background(), listener) }()
	}
	fmt.Println(address)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			return err
		}
		fmt.Println(time.Duration(usage.Utime.Nano() + usage.Stime.Nano()))
	}
	return nil
}

var constantAddress = net.IPv4(10, 96, 0, 1)

func sameAnswer(w miekg.ResponseWriter, q *miekg.Msg) {
	m := new(miekg.Msg).SetReply(q)
	m.Answer = []miekg.RR{&miekg.A{
		Hdr: miekg.RR_Header{Name: q.Question[0].Name, Rrtype: miekg.TypeA, Class: miekg.ClassINET, Ttl: 5}, A: constantAddress,
	}}
	_ = w.WriteMsg(m)
}

func dnsZone(services int) *dns.Zone {
	c := crowd{services: services}
	var objects []*api.Object
	for i := range services {
		namespace, name := c.id(i)
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		s.Spec.ClusterIP = fmt.Sprintf("10.%d.%d.%d", 96+i>>16, i>>8&255, i&255)
		s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
		objects = append(objects, &api.Object{Key: api.Key{Kind: api.KindService, Namespace: namespace, Name: name}, Value: s})
	}
	z := dns.NewZone(dns.ZoneOptions{Fleet: "default"})
	z.Apply(objects, nil)
	return z
}

// dnsServer is a process of dnsRole.
type dnsServer struct {
	address string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Scanner
}

func startDNS(kind string) (*dnsServer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &dnsServer{cmd: exec.Command(self, dnsRole, kind, strconv.Itoa(dnsServices))}
	s.cmd.Stderr = os.Stderr
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.stdout = bufio.NewScanner(stdout)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if !s.stdout.Scan() {
		return nil, errors.New("the DNS server does not start")
	}
	s.address = s.stdout.Text()
	return s, nil
}

func (s *dnsServer) stop() {
	_ = s.stdin.Close()
	_ = s.cmd.Wait()
}

// cpu is the CPU time that the process has used.
func (s *dnsServer) cpu() (time.Duration, error) {
	if _, err := fmt.Fprintln(s.stdin); err != nil {
		return 0, err
	}
	if !s.stdout.Scan() {
		return 0, errors.New("the DNS server has gone")
	}
	return time.ParseDuration(s.stdout.Text())
}

// load asks for a while, and gives the queries a second and the server's CPU seconds for each.
func (s *dnsServer) load() (rate, cost float64, err error) {
	before, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	counts, failures := make([]int, dnsClients), make([]error, dnsClients)
	var clients sync.WaitGroup
	for i := range dnsClients {
		clients.Go(func() { counts[i], failures[i] = askDNS(s.address, began.Add(dnsRound)) })
	}
	clients.Wait()
	took := time.Since(began)
	after, err := s.cpu()
	if err = errors.Join(append(failures, err)...); err != nil {
		return 0, 0, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds(), (after - before).Seconds() / float64(total), nil
}

// askDNS asks for one Service after the other until it is time. Each answer must be to its query,
// and have an address.
func askDNS(address string, until time.Time) (n int, err error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	c := crowd{services: dnsServices}
	buffer := make([]byte, miekg.MinMsgSize)
	for ; time.Now().Before(until); n++ {
		namespace, name := c.id(rand.IntN(dnsServices))
		q := new(miekg.Msg).SetQuestion(name+"."+namespace+".svc.cluster.local.", miekg.TypeA)
		packed, err := q.Pack()
		if err != nil {
			return n, err
		}
		if _, err := conn.Write(packed); err != nil {
			return n, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(bound)); err != nil {
			return n, err
		}
		size, err := conn.Read(buffer)
		if err != nil {
			return n, err
		}
		if size < 12 || buffer[0] != packed[0] || buffer[1] != packed[1] || buffer[7] != 1 {
			return n, fmt.Errorf("%s: a wrong answer", name)
		}
	}
	return n, nil
}
