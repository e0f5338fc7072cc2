package apiserver

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Request is one of a client: what it has asked for.
type Request struct {
	Verb     string `json:"verb"`
	Resource string `json:"-"` // as in CRDs: pods, endpointslices.discovery.k8s.io, gateways/status.gateway.networking.k8s.io
}

// audit gives the arguments that have the server record requests.
func (s *Server) audit() []string {
	policy := filepath.Join(s.dir, "audit.yaml")
	text := "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return []string{"--audit-policy-file=" + policy, "--audit-log-path=" + s.auditLog(), "--audit-log-mode=blocking"}
}

func (s *Server) auditLog() string { return filepath.Join(s.dir, "audit.log") }

// Asked gives the requests of a user for resources so far, each once. The server must run with Audit.
func (s *Server) Asked(user string) map[Request]bool {
	s.t.Helper()
	log, err := os.Open(s.auditLog())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	asked := map[Request]bool{}
	for lines := json.NewDecoder(log); ; {
		var event struct {
			Request
			User      struct{ Username string }
			ObjectRef *struct{ Resource, Subresource, APIGroup string }
		}
		if err := lines.Decode(&event); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				s.t.Fatal(err)
			}
			return asked
		}
		if event.User.Username != user || event.ObjectRef == nil {
			continue
		}
		of := event.ObjectRef
		r := Request{Verb: event.Verb, Resource: of.Resource}
		if of.Subresource != "" {
			r.Resource += "/" + of.Subresource
		}
		if of.APIGroup != "" {
			r.Resource += "." + of.APIGroup
		}
		asked[r] = true
	}
}
