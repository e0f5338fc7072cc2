// Command schemas writes what package schema embeds: the shapes of the kinds that are built into
// Kubernetes, and the custom resource definitions of the Gateway API and of gateway-cp, both
// without their descriptions.
//
//	go run . -out ../../schema/internal/data -crds ../../deploy/crds
//
// With -kubeconform it writes JSON Schemas for that program instead (kubeconform.go).
//
// It is a module of its own because k8s.io/kubernetes, whose OpenAPI definitions it reads,
// needs replace directives that the product's module must not have.
package main

import (
	"flag"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "../../schema/internal/data", "the folder to write to")
	crds := flag.String("crds", "../../deploy/crds", "the CRDs of gateway-cp")
	kubeconform := flag.String("kubeconform", "", "the folder to write JSON Schemas for kubeconform to")
	flag.Parse()

	dir, version := module("k8s.io/kubernetes")
	swagger := filepath.Join(dir, "api", "openapi-spec", "swagger.json")
	if *kubeconform != "" {
		dir, _ := module("sigs.k8s.io/gateway-api")
		if err := writeKubeconform(*kubeconform, swagger, filepath.Join(dir, "config", "crd", "standard"), *crds); err != nil {
			log.Fatal(err)
		}
		return
	}
	text, err := builtin(swagger, version)
	if err != nil {
		log.Fatal(err)
	}
	write(filepath.Join(*out, "builtin.txt"), text)

	dir, _ = module("sigs.k8s.io/gateway-api")
	gateway := filepath.Join(dir, "config", "crd")
	for name, dir := range map[string]string{
		"standard":     filepath.Join(gateway, "standard"),
		"experimental": filepath.Join(gateway, "experimental"),
		"ours":         *crds,
	} {
		text, err := definitions(dir)
		if err != nil {
			log.Fatal(err)
		}
		write(filepath.Join(*out, name+".txt"), text)
	}
}

func write(path string, text []byte) {
	if err := os.WriteFile(path, text, 0o644); err != nil {
		log.Fatal(err)
	}
}

// module gives the folder and the version, such as 1.37, of a module that this one requires.
func module(path string) (dir, version string) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}} {{.Version}}", path).Output()
	if err != nil {
		log.Fatalf("go list -m %s: %v", path, err)
	}
	dir, version, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return dir, strings.Join(parts[:2], ".")
}
