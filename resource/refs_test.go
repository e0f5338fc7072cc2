package resource

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// notReferences are fields of Envoy's API that look as if they named a cluster which traffic is
// sent to, or a place to fetch a resource of ours from, and do not.
var notReferences = map[string]string{
	"config/core/v3.ApiConfigSource.cluster_names":                                             "must be in the bootstrap",
	"config/core/v3.Node.cluster":                                                              "a fleet",
	"config/core/v3.ExtensionConfigSource.config_source":                                       "a type that is not served",
	"config/endpoint/v3.ClusterLoadAssignment.cluster_name":                                    "its own name",
	"config/endpoint/v3.ClusterStats.cluster_name":                                             "a report",
	"config/endpoint/v3.ClusterStats.cluster_service_name":                                     "a report",
	"config/endpoint/v3.LedsClusterLocalityConfig.leds_config":                                 "a type that is not served",
	"config/cluster/v3.Cluster.lrs_server":                                                     "load reports",
	"config/cluster/v3.Cluster_EdsClusterConfig.eds_config":                                    "see ofCluster",
	"config/listener/v3.Listener_FcdsConfig.config_source":                                     "a type that is not served",
	"config/route/v3.Vhds.config_source":                                                       "a type that is not served",
	"config/route/v3.RouteAction.cluster_header":                                               "a header",
	"config/route/v3.RouteAction.cluster_specifier_plugin":                                     "a plugin",
	"config/route/v3.RouteAction_RequestMirrorPolicy.cluster_header":                           "a header",
	"config/route/v3.WeightedCluster_ClusterWeight.cluster_header":                             "a header",
	"extensions/access_loggers/filters/process_ratelimit/v3.DynamicTokenBucket.config_source":  "a type that is not served",
	"extensions/clusters/aggregate/v3.AggregateClusterResource.config_source":                  "a type that is not served",
	"extensions/clusters/dynamic_modules/v3.ClusterConfig.cluster_name":                        "a name in a module",
	"extensions/filters/http/fault/v3.HTTPFault.upstream_cluster":                              "matched against, not sent to",
	"extensions/filters/http/on_demand/v3.OnDemandCds.source":                                  "clusters of requests",
	"extensions/filters/network/dubbo_proxy/v3.Drds.config_source":                             "a type that is not served",
	"extensions/filters/network/generic_proxy/v3.GenericRds.config_source":                     "a type that is not served",
	"extensions/filters/network/http_connection_manager/v3.ScopedRoutes.rds_config_source":     "for routes that scopes name",
	"extensions/filters/network/reverse_tunnel/v3.ReverseTunnel.required_cluster_name":         "who a client must be",
	"extensions/filters/network/reverse_tunnel/v3.Validation.cluster_id_format":                "who a client must be",
	"extensions/filters/network/tcp_proxy/v3.TcpProxy_OnDemand.odcds_config":                   "clusters of connections",
	"extensions/filters/network/thrift_proxy/v3.RouteAction.cluster_header":                    "a header",
	"extensions/filters/network/thrift_proxy/v3.Trds.config_source":                            "a type that is not served",
	"extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3.Config.config_source": "secrets of handshakes",
}

// notInResources are folders of the API whose messages are in no resource.
var notInResources = regexp.MustCompile(`^(admin|api|service|data/(accesslog|cluster|core)|config/(bootstrap|metrics))/|/v[12][^/]*$|^config/filter/`)

var (
	structs = regexp.MustCompile(`(?ms)^type (\w+) struct \{\n(.*?)^\}`)
	fields  = regexp.MustCompile(`(?m)^\t\w+ +(\S+) +` + "`" + `protobuf:"bytes,\d+,(?:opt|rep),name=(\w+)`)
)

// Every field of Envoy's API that names a cluster, or says where to fetch something, is known.
func TestReferencesOfTheWholeAPI(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/envoyproxy/go-control-plane/envoy").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	known, found := knownFields(), map[string]bool{}
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		dir := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(file), root+string(filepath.Separator)))
		if err != nil || !strings.HasSuffix(file, ".pb.go") || notInResources.MatchString(dir) {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !bytes.Contains(text, []byte("name=cluster")) && !bytes.Contains(text, []byte("_cluster")) && !bytes.Contains(text, []byte("ConfigSource")) {
			return nil
		}
		for _, s := range structs.FindAllStringSubmatch(string(text), -1) {
			for _, f := range fields.FindAllStringSubmatch(s[2], -1) {
				if refers(s[1], f[2], f[1]) {
					found[fieldName(dir, s[1], f[2])] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 50 {
		t.Fatalf("found %d fields only: is the API still written like this?", len(found))
	}
	for _, f := range slices.Sorted(maps.Keys(found)) {
		if !known[f] && notReferences[f] == "" {
			t.Errorf("%s: is it a reference? Add it to clusterFields or fetchFields, or to notReferences", f)
		}
	}
	for _, f := range append(slices.Collect(maps.Keys(known)), slices.Collect(maps.Keys(notReferences))...) {
		if !found[f] {
			t.Errorf("%s is not in Envoy's API, or nothing that could refer", f)
		}
	}
}

// refers says whether a field looks as if it referred to something.
func refers(message, field, goType string) bool {
	switch goType {
	case "string", "[]string":
		return strings.Contains(field, "cluster") || field == "name" && strings.HasSuffix(message, "ClusterWeight")
	}
	return goType == "*ConfigSource" || strings.HasPrefix(goType, "*") && strings.HasSuffix(goType, ".ConfigSource")
}

// knownFields are the fields of the tables, as fieldName calls them.
func knownFields() map[string]bool {
	known := map[string]bool{}
	add := func(message protoreflect.FullName, field protoreflect.Name) {
		segments := strings.Split(strings.TrimPrefix(string(message), "envoy."), ".")
		first := slices.IndexFunc(segments, func(s string) bool { return strings.ToLower(s) != s })
		known[fieldName(strings.Join(segments[:first], "/"), strings.Join(segments[first:], "_"), string(field))] = true
	}
	for message, fields := range clusterFields {
		for _, f := range fields {
			add(message, f)
		}
	}
	for message, f := range fetchFields {
		add(message, f.from)
	}
	return known
}

// fieldName names a field of a Go struct. That of a oneof is in a struct of its own, whose name
// ends with that of the field.
func fieldName(dir, message, field string) string {
	camel := ""
	for word := range strings.SplitSeq(field, "_") {
		camel += strings.ToUpper(word[:1]) + word[1:]
	}
	return dir + "." + strings.TrimSuffix(message, "_"+camel) + "." + field
}
