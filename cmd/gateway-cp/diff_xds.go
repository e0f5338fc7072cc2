package main

import (
	"fmt"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/pmezard/go-difflib/difflib"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/deploy/envoy"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// resourceDiff is an Envoy resource that differs.
type resourceDiff struct {
	Fleet string `json:"fleet"`
	Type  string `json:"type"`
	Name  string `json:"name"`
	Diff  string `json:"diff"` // unified, of YAML
}

// diffResources compares the resources of the Envoys of a fleet.
func diffResources(was, now *side, of traffic.Viewer) ([]resourceDiff, error) {
	changes, err := traffic.DiffResources(was.translation, now.translation, of)
	if err != nil {
		return nil, err
	}
	var all []resourceDiff
	for _, c := range changes {
		a, err := resourceYAML(c.Was)
		if err != nil {
			return nil, err
		}
		b, err := resourceYAML(c.Now)
		if err != nil {
			return nil, err
		}
		text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: difflib.SplitLines(a), B: difflib.SplitLines(b), Context: 3,
			FromFile: fmt.Sprintf("%s %s (%s)", c.Type, c.Name, was.name), ToFile: fmt.Sprintf("%s %s (%s)", c.Type, c.Name, now.name),
		})
		if err != nil {
			return nil, err
		}
		all = append(all, resourceDiff{of.Fleet, c.Type.String(), c.Name, text})
	}
	return all, nil
}

// resourceYAML writes a resource; of a secret only what everybody may know.
func resourceYAML(m proto.Message) (string, error) {
	if m == nil {
		return "", nil
	}
	if s, ok := m.(*tlsv3.Secret); ok {
		data, err := yaml.Marshal(map[string]any{"name": s.Name, "certificate": traffic.CertificateOf(s), "privateKey": traffic.Redacted})
		return string(data), err
	}
	data, err := envoy.YAML(m)
	return string(data), err
}
