package configdump

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/gateway-cp/gateway-cp/resource"
)

// page is a dump of a real Envoy 1.40 that gateway-cp run feeds, with a Service, a Gateway with
// HTTP and HTTPS, and a certificate.
func page(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/envoy-1.40.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func read(t *testing.T, page string) *Dump {
	t.Helper()
	d, err := Read(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wantsOf makes what an Envoy shall have from what it has.
func wantsOf(t *testing.T, d *Dump) []Want {
	t.Helper()
	var all []Want
	for ref, have := range d.resources {
		raw, err := json.Marshal(have.active)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Want{Ref: ref, Version: have.version, Content: raw})
	}
	if len(all) != 11 {
		t.Fatalf("the dump has %d resources, want 11", len(all))
	}
	return all
}

// text writes a result, a line for each difference and field.
func text(r Result) string {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s %s %s", d.Kind, d.Type, d.Name)
		if d.Failure != "" {
			fmt.Fprintf(&b, " (%s)", d.Failure)
		}
		b.WriteByte('\n')
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "  %s: %s, not %s\n", f.Path, f.Want, f.Have)
		}
	}
	return b.String()
}

func TestAnEnvoyThatHasEverything(t *testing.T) {
	d := read(t, page(t))
	if d.ID != "gw-1" || d.Fleet != "default" || !d.HasEndpoints {
		t.Errorf("%+v", d)
	}
	if r := Compare(wantsOf(t, d), d); text(r) != "" || r.Same != 11 {
		t.Errorf("%d are the same:\n%s", r.Same, text(r))
	}
}

func TestDifferences(t *testing.T) {
	const hostsFile = `"address": "127.9.9.3"`
	tests := []struct{ name, old, new, want string }{
		{"a field", `"max_connections": 10000`, `"max_connections": 20000`,
			"different cluster default/web/80\n  circuit_breakers.thresholds[0].max_connections: 10000, not 20000\n"},
		{"a field that is not there", `"connect_timeout": "5s",`, ``,
			"different cluster default/web/80\n  connect_timeout: \"5s\", not \n"},
		{"a duration in another form", `"connect_timeout": "5s"`, `"connect_timeout": "5.000s"`, ""},
		{"an endpoint", hostsFile, `"address": "127.9.9.4"`,
			"different endpoint default/web/80\n" +
				"  locality \"//\" priority 0.127.9.9.3:8080: {\"weight\":1}, not \n" +
				"  locality \"//\" priority 0.127.9.9.4:8080: , not {\"weight\":1}\n"},
		{"health", `"health_status": "UNHEALTHY"`, `"health_status": "HEALTHY"`, ""},
		{"a virtual host by its name", `"name": "a.example.com"`, `"name": "b.example.com"`,
			"different route default/gw/https\n" +
				"  virtual_hosts[a.example.com]: {\"domains\":[\"a.example.com\"]"},
		{"deep inside a filter", `"stat_prefix": "https_12443"`, `"stat_prefix": "other"`,
			"different listener 127.9.9.1:12443\n  filter_chains["},
		{"another key of the same certificate", `"version_info": "f717064cb178a9ff"`, `"version_info": "0000000000000000"`,
			"different secret default/a\n  what is redacted, such as the private key: , not \n"},
		{"an extension that is not known here", `"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"`,
			`"@type": "type.googleapis.com/no.such.Filter"`, "different listener 127.9.9.1:12080\n"},
	}
	whole := wantsOf(t, read(t, page(t)))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := strings.Replace(page(t), test.old, test.new, 1)
			if changed == page(t) {
				t.Fatal("nothing is replaced")
			}
			got := text(Compare(whole, read(t, changed)))
			if got != test.want && (test.want == "" || !strings.HasPrefix(got, test.want)) {
				t.Errorf("got:\n%swant:\n%s", got, test.want)
			}
		})
	}
}

// remake changes the section of a dump.
func remake(t *testing.T, section string, change func(map[string]any)) *Dump {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(page(t)), &whole); err != nil {
		t.Fatal(err)
	}
	for _, c := range whole["configs"].([]any) {
		if c := c.(map[string]any); strings.HasSuffix(c["@type"].(string), section) {
			change(c)
		}
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, string(raw))
}

func TestMissingAndExtra(t *testing.T) {
	d := read(t, page(t))
	whole := wantsOf(t, d)
	listener := resource.Ref{Type: resource.Listener, Name: "127.9.9.1:12081"}
	without := slices.DeleteFunc(slices.Clone(whole), func(w Want) bool { return w.Ref == listener })
	if got := text(Compare(without, d)); got != "extra listener 127.9.9.1:12081\n" {
		t.Error(got)
	}
	more := append(slices.Clone(whole), Want{Ref: resource.Ref{Type: resource.Route, Name: "new"}, Content: []byte(`{}`), Why: []string{"waits"}})
	r := Compare(more, d)
	if got := text(r); got != "missing route new\n" || r.Differences[0].Why[0] != "waits" {
		t.Error(got)
	}
}

// A cluster that is kept for requests which are still running is as it shall be.
func TestLosing(t *testing.T) {
	d := read(t, page(t))
	whole := wantsOf(t, d)
	for i := range whole {
		if whole[i].Type == resource.Cluster {
			whole[i].Content = nil
			whole[i].Kept, whole[i].Until = "it drains", time.Unix(1, 0)
		}
	}
	want := []Kept{{"cluster", "default/web/80", time.Unix(1, 0), "it drains"}}
	if r := Compare(whole, d); text(r) != "" || !slices.Equal(r.Kept, want) {
		t.Errorf("%v\n%s", r.Kept, text(r))
	}
	for i := range whole {
		whole[i].Kept = ""
	}
	if got := text(Compare(whole, d)); got != "extra cluster default/web/80\n" {
		t.Error(got)
	}
}

func TestWarmingAndFailed(t *testing.T) {
	whole := wantsOf(t, read(t, page(t)))
	d := remake(t, "ClustersConfigDump", func(c map[string]any) {
		c["dynamic_warming_clusters"], c["dynamic_active_clusters"] = c["dynamic_active_clusters"], nil
	})
	if got := text(Compare(whole, d)); got != "warming cluster default/web/80\n" {
		t.Error(got)
	}
	refuse := func(c map[string]any, i int, keep bool) {
		l := c["dynamic_listeners"].([]any)[i].(map[string]any)
		l["error_state"] = map[string]any{"details": "address in use", "version_info": "x"}
		if !keep {
			delete(l, "active_state")
		}
	}
	d = remake(t, "ListenersConfigDump", func(c map[string]any) { refuse(c, 0, true); refuse(c, 1, false) })
	d2 := remake(t, "ListenersConfigDump", func(c map[string]any) {
		refuse(c, 1, false) // as Envoy tells of one that it has refused from the first
		l := c["dynamic_listeners"].([]any)[1].(map[string]any)
		l["error_state"].(map[string]any)["failed_configuration"] = map[string]any{"name": l["name"]}
		delete(l, "name")
	})
	if got := text(Compare(whole, d2)); got != "missing listener 127.9.9.1:12081 (address in use)\n" {
		t.Error(got)
	}
	want := "failed listener 127.9.9.1:12080 (address in use)\nmissing listener 127.9.9.1:12081 (address in use)\n"
	if got := text(Compare(whole, d)); got != want {
		t.Error(got)
	}
}

func TestADumpWithoutEndpoints(t *testing.T) {
	whole := wantsOf(t, read(t, page(t)))
	d := read(t, strings.Replace(page(t), "EndpointsConfigDump", "OtherConfigDump", 1))
	r := Compare(whole, d)
	if text(r) != "" || r.Same != 10 || len(r.Unknown) != 1 {
		t.Errorf("%d, unknown %v\n%s", r.Same, r.Unknown, text(r))
	}
}

// Secrets that the bootstrap takes from files are nothing of the control plane's.
func TestSecretsFromFiles(t *testing.T) {
	d := read(t, `{"configs": [
		{"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump", "dynamic_active_secrets": [
			{"name": "xds-certificate", "secret": {"name": "xds-certificate"}}, {"name": "shop/tls", "secret": {"name": "shop/tls"}}]},
		{"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {"node": {"id": "gw-1"}, "static_resources": {"clusters": [
			{"transport_socket": {"typed_config": {"common_tls_context": {"tls_certificate_sds_secret_configs": [
				{"name": "xds-certificate", "sds_config": {"path_config_source": {"path": "/sds/xds-certificate.yaml"}}}, {"name": "shop/tls", "sds_config": {"ads": {}}}]}}}}]}}}]}`)
	r := Compare(nil, d)
	if len(r.Differences) != 1 || r.Differences[0].Name != "shop/tls" || r.Differences[0].Kind != Extra {
		t.Errorf("%+v", r)
	}
}

func TestWhatIsNoDump(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"configs": []}`, `{"configs": [{"@type": "x"}]}`, `{"configs": [1]}`, "not found"} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	if _, err := Read(bytes.NewReader([]byte(`{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":7}]}`))); err == nil {
		t.Error("a number is no list")
	}
}
