package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gateway-cp/gateway-cp/xds"
)

// docs/securing-xds.md has every flag of the xDS door, every limit with its default, every reason
// for which a client is refused and every metric about clients.
func TestTheDoorIsDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/securing-xds.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	limits := map[string]bool{}
	bounded := &cobra.Command{}
	addLimitFlags(bounded, &xds.Limits{})
	bounded.Flags().VisitAll(func(f *pflag.Flag) {
		limits[f.Name] = true
		if row := "\n| `--" + f.Name + "` | " + f.DefValue + " | "; !strings.Contains(page, row) {
			t.Errorf("the table of limits has no row that begins with %q", row)
		}
	})
	if len(limits) < 10 {
		t.Fatalf("found %d limits only", len(limits))
	}
	for _, command := range []*cobra.Command{newServeCommand(), newBootstrapCommand()} {
		command.Flags().VisitAll(func(f *pflag.Flag) {
			if strings.HasPrefix(f.Name, "xds-") && !strings.Contains(page, "--"+f.Name) {
				t.Errorf("--%s of %s is not mentioned", f.Name, command.Name())
			}
		})
	}

	source, err := os.ReadFile("../../xds/identity_refused.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`RefusedFor = "(\w+)"`).FindAllSubmatch(source, -1)
	if len(reasons) < 10 {
		t.Fatalf("found %d reasons only", len(reasons))
	}
	for _, r := range reasons {
		if !strings.Contains(page, "`"+string(r[1])+"`") {
			t.Errorf("the reason %s is not mentioned", r[1])
		}
	}

	metrics := make(chan *prometheus.Desc, 100)
	newClientMetrics(nil, nil).Describe(metrics)
	close(metrics)
	name := regexp.MustCompile(`fqName: "(\w+)"`)
	for d := range metrics {
		if found := name.FindStringSubmatch(d.String()); found == nil || !strings.Contains(page, found[1]) {
			t.Errorf("the metric %s is not mentioned", d)
		}
	}
}
