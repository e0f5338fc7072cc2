package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// CoreDNS in front, with the Corefile of docs/dns.md, gives the names of Services, of every type of record, over UDP
// and TCP; and what is not there, as it is here.
func TestDNSBehindCoreDNS(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/dns.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```\ncluster.local:53")
	corefile, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("docs/dns.md has no Corefile")
	}
	program, err := exec.Command("../.ci/coredns").Output()
	if err != nil {
		t.Fatalf("build CoreDNS: %v", err)
	}
	e := harness.New(t)
	e.Write("services.yaml", dnsClients)
	behind, front := e.Address(e.FreePort()), e.FreePort()
	e.Serve("--dns-address", behind)
	corefile = strings.NewReplacer(":53 ", fmt.Sprintf(":%d ", front), "127.0.0.1:5353", behind, "errors\n", fmt.Sprintf("errors\n    bind %s\n", e.IP)).Replace("cluster.local:53" + corefile)
	path := filepath.Join(e.Dir, "Corefile")
	if err := os.WriteFile(path, []byte(corefile), 0o600); err != nil {
		t.Fatal(err)
	}
	e.Start("coredns", strings.TrimSpace(string(program)), "-conf", path)
	ask := func(network, name string, kind uint16) string {
		m, _, err := (&dns.Client{Net: network, Timeout: 2 * time.Second}).Exchange(new(dns.Msg).SetQuestion(name, kind), e.Address(front))
		if err != nil {
			return err.Error()
		}
		got := []string{dns.RcodeToString[m.Rcode]}
		for _, r := range m.Answer {
			got = append(got, strings.Join(strings.Fields(r.String())[3:], " "))
		}
		slices.Sort(got[1:])
		return strings.Join(got, ", ")
	}
	e.Await("CoreDNS", 20*time.Second, func() error {
		if got := ask("udp", "web.shop.svc.cluster.local.", dns.TypeA); got != "NOERROR, A 10.96.0.10" {
			return fmt.Errorf("it says %s", got)
		}
		return nil
	})
	for _, network := range []string{"udp", "tcp"} {
		for _, q := range []struct {
			name string
			kind uint16
			want string
		}{
			{"web.shop.svc.cluster.local.", dns.TypeAAAA, "NOERROR"},
			{"set-0.set.shop.svc.cluster.local.", dns.TypeA, "NOERROR, A 10.0.1.1"},
			{"db.shop.svc.cluster.local.", dns.TypeAAAA, "NOERROR, AAAA fd00::1"},
			{"_sql._tcp.db.shop.svc.cluster.local.", dns.TypeSRV, "NOERROR, SRV 0 100 5432 db-0.db.shop.svc.cluster.local."},
			{"outside.shop.svc.cluster.local.", dns.TypeA, "NOERROR, A 10.96.0.10, CNAME web.shop.svc.cluster.local."},
			{"10.0.96.10.in-addr.arpa.", dns.TypePTR, "NOERROR, PTR web.shop.svc.cluster.local."},
			{"none.shop.svc.cluster.local.", dns.TypeA, "NXDOMAIN"},
		} {
			if got := ask(network, q.name, q.kind); got != q.want {
				t.Errorf("%s %s %s: %s, want %s", network, q.name, dns.TypeToString[q.kind], got, q.want)
			}
		}
	}
}
