package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// validateRuns is how often each program checks the documents.
const validateRuns = 7

// checked is what one program took, run for run.
type checked struct {
	name string
	runs []usage
}

// validateTable measures `gateway-cp validate`, a process each time, and kubeconform with schemas
// made of the OpenAPI definitions of the same version of Kubernetes, over the same files.
func validateTable() error {
	dir, err := os.MkdirTemp("", "gateway-cp-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours, err := buildGatewayCP(dir)
	if err != nil {
		return err
	}
	theirs, schemas, err := buildKubeconform(dir)
	if err != nil {
		return err
	}
	manifests := filepath.Join(dir, "manifests")
	documents, err := writeMixed(manifests, 10_000)
	if err != nil {
		return err
	}
	all := []checked{{name: "gateway-cp"}, {name: "kubeconform"}}
	commands := [][]string{
		{ours, "validate", manifests},
		{theirs, "-strict", "-summary", "-schema-location", filepath.Join(schemas, "{{.Group}}_{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"), manifests},
	}
	said := []string{fmt.Sprintf("%d objects, 0 errors, 0 warnings", documents), fmt.Sprintf("Valid: %d, Invalid: 0", documents)}
	for range validateRuns {
		for i, command := range commands {
			u, err := timed(command, said[i])
			if err != nil {
				return err
			}
			all[i].runs = append(all[i].runs, u)
		}
	}
	return printChecked(documents, all)
}

func printChecked(documents int, all []checked) error {
	w := table()
	fmt.Fprintln(w, "\ttime\tleast\ta document\tCPU\tpeak memory\ttime, against gateway-cp\tits CPU\t")
	var first usage
	for i, c := range all {
		slices.SortFunc(c.runs, func(a, b usage) int { return int(a.ready - b.ready) })
		median := c.runs[len(c.runs)/2]
		if i == 0 {
			first = median
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%.2f×\t%.2f×\t\n", c.name, short(median.ready), short(c.runs[0].ready),
			short(median.ready/time.Duration(documents)), short(median.cpu), mib(median.peak), float64(median.ready)/float64(first.ready), float64(median.cpu)/float64(first.cpu))
	}
	return w.Flush()
}

// timed runs a program that must succeed, and say something.
func timed(command []string, said string) (u usage, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	u.ready = time.Since(began)
	if err != nil || !strings.Contains(string(out), said) {
		return u, fmt.Errorf("%s does not say %q: %v\n%.2000s", filepath.Base(command[0]), said, err, out)
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.peak = peakOf(cmd.ProcessState)
	return u, nil
}

// buildKubeconform builds the version that tools/kubeconform pins, and writes its schemas.
func buildKubeconform(dir string) (binary, schemas string, err error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", "", err
	}
	tools := filepath.Join(strings.TrimSpace(string(root)), "tools")
	binary, schemas = filepath.Join(dir, "kubeconform"), filepath.Join(dir, "schemas")
	for _, args := range [][]string{
		{"build", "-C", filepath.Join(tools, "kubeconform"), "-o", binary, "github.com/yannh/kubeconform/cmd/kubeconform"},
		{"run", "-C", filepath.Join(tools, "schemas"), ".", "-kubeconform", schemas},
	} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return binary, schemas, nil
}

// writeMixed writes about that many documents: the ten of an application, in two files for each,
// and the Gateway that all share. It gives how many there are.
func writeMixed(dir string, documents int) (int, error) {
	const each = 10
	write := func(name, text string) error {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), 0o600)
	}
	if err := write("gateway.yaml", mixedGateway); err != nil {
		return 0, err
	}
	n := documents / each
	for i := range n {
		replace := strings.NewReplacer("NAMESPACE", fmt.Sprintf("team-%02d", i%20), "NAME", fmt.Sprintf("app-%d", i),
			"ADDRESS", fmt.Sprintf("10.%d.%d.%d", 1+i>>16, i>>8&255, i&255))
		folder := fmt.Sprintf("team-%02d/app-%d/", i%20, i)
		if err := write(folder+"app.yaml", replace.Replace(mixedApplication)); err != nil {
			return 0, err
		}
		if err := write(folder+"network.yaml", replace.Replace(mixedNetwork)); err != nil {
			return 0, err
		}
	}
	return 2 + n*each, nil
}
