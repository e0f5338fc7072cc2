package configdump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Dump is what an Envoy says it has of what comes over xDS. What stands in its bootstrap is
// left out.
type Dump struct {
	// ID, Fleet, Zone and Node are who the Envoy says it is, from its bootstrap; empty where it
	// does not say.
	ID, Fleet, Zone, Node string
	// HasEndpoints says whether the dump was made with endpoints (?include_eds).
	HasEndpoints bool
	resources    map[resource.Ref]*dumped
	fromFiles    map[string]bool // secrets that the bootstrap has read from files, such as those of xDS over TLS
}

// dumped is one resource of a dump.
type dumped struct {
	version string // empty where Envoy does not say
	active  any    // its content as a JSON tree; nil: it has none in use
	// warming is a newer version, which is not in use yet.
	warming        any
	warmingVersion string
	// failure is what was wrong with the last update; empty: nothing.
	failure, failedVersion string
}

// maxDump bounds the size of a dump: 10,000 clusters with their endpoints are some 40 MiB.
const maxDump = 1 << 30

// errNoDump means that the input is no config dump at all.
var errNoDump = errors.New("this is not what Envoy's /config_dump gives")

// Read parses the JSON of /config_dump?include_eds.
func Read(r io.Reader) (*Dump, error) {
	var page struct {
		Configs []json.RawMessage `json:"configs"`
	}
	limited := &io.LimitedReader{R: r, N: maxDump}
	if err := json.NewDecoder(limited).Decode(&page); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("more than %d MiB", maxDump>>20)
		}
		return nil, fmt.Errorf("%w: %w", errNoDump, err)
	}
	if len(page.Configs) == 0 {
		return nil, fmt.Errorf("%w: it has no configs", errNoDump)
	}
	d := &Dump{resources: map[resource.Ref]*dumped{}, fromFiles: map[string]bool{}}
	known := 0
	for _, raw := range page.Configs {
		var kind struct {
			Type string `json:"@type"`
		}
		if err := json.Unmarshal(raw, &kind); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoDump, err)
		}
		read := sections[strings.TrimPrefix(kind.Type, "type.googleapis.com/envoy.admin.v3.")]
		if read == nil {
			continue // a section that holds nothing of xDS
		}
		known++
		if err := read(d, raw); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errNoDump, kind.Type, err)
		}
	}
	for name := range d.fromFiles {
		delete(d.resources, resource.Ref{Type: resource.Secret, Name: name})
	}
	if known == 0 {
		return nil, fmt.Errorf("%w: none of its sections is known", errNoDump)
	}
	return d, nil
}

// sections are the parts of a dump by the name of their message.
var sections = map[string]func(*Dump, json.RawMessage) error{
	"BootstrapConfigDump":    (*Dump).bootstrap,
	"ClustersConfigDump":     (*Dump).clusters,
	"EndpointsConfigDump":    (*Dump).endpoints,
	"ListenersConfigDump":    (*Dump).listeners,
	"ScopedRoutesConfigDump": (*Dump).scopes,
	"RoutesConfigDump":       (*Dump).routes,
	"SecretsConfigDump":      (*Dump).secrets,
}

// of gives the entry of a resource.
func (d *Dump) of(t resource.Type, name string) *dumped {
	ref := resource.Ref{Type: t, Name: name}
	if d.resources[ref] == nil {
		d.resources[ref] = &dumped{}
	}
	return d.resources[ref]
}

// nameOf reads a field of a JSON tree that is an object.
func nameOf(tree any, field string) string {
	m, _ := tree.(map[string]any)
	name, _ := m[field].(string)
	return name
}

func (d *Dump) bootstrap(raw json.RawMessage) error {
	var s struct {
		Bootstrap struct {
			Node struct {
				ID       string `json:"id"`
				Cluster  string `json:"cluster"`
				Locality struct {
					Zone string `json:"zone"`
				} `json:"locality"`
				Metadata map[string]any `json:"metadata"`
			} `json:"node"`
		} `json:"bootstrap"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	n := s.Bootstrap.Node
	d.ID, d.Fleet, d.Zone = n.ID, n.Cluster, n.Locality.Zone
	d.Node, _ = n.Metadata["node"].(string)
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err
	}
	d.noteFileSecrets(tree)
	return nil
}

// noteFileSecrets finds the SdsSecretConfigs of a bootstrap that name a file: they are dynamic secrets of
// the dump as those that come over xDS are.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/secret.proto
func (d *Dump) noteFileSecrets(tree any) {
	switch t := tree.(type) {
	case []any:
		for _, v := range t {
			d.noteFileSecrets(v)
		}
	case map[string]any:
		source, _ := t["sds_config"].(map[string]any)
		if source["path_config_source"] != nil || source["path"] != nil {
			d.fromFiles[nameOf(t, "name")] = true
		}
		for _, v := range t {
			d.noteFileSecrets(v)
		}
	}
}

// failure is the message UpdateFailureState.
type failure struct {
	Details string `json:"details"`
	Version string `json:"version_info"`
	Config  any    `json:"failed_configuration"`
}

func (f *failure) note(e *dumped) {
	if f != nil {
		e.failure, e.failedVersion = f.Details, f.Version
		if e.failure == "" {
			e.failure = "without a reason"
		}
	}
}

func (d *Dump) clusters(raw json.RawMessage) error {
	type entry struct {
		Version string   `json:"version_info"`
		Cluster any      `json:"cluster"`
		Error   *failure `json:"error_state"`
	}
	var s struct {
		Active  []entry `json:"dynamic_active_clusters"`
		Warming []entry `json:"dynamic_warming_clusters"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, c := range s.Active {
		e := d.of(resource.Cluster, nameOf(c.Cluster, "name"))
		e.version, e.active = c.Version, c.Cluster
		c.Error.note(e)
	}
	for _, c := range s.Warming {
		e := d.of(resource.Cluster, nameOf(c.Cluster, "name"))
		e.warmingVersion, e.warming = c.Version, c.Cluster
		c.Error.note(e)
	}
	return nil
}

func (d *Dump) endpoints(raw json.RawMessage) error {
	var s struct {
		Dynamic []struct {
			Version string `json:"version_info"`
			Config  any    `json:"endpoint_config"`
		} `json:"dynamic_endpoint_configs"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	d.HasEndpoints = true
	for _, c := range s.Dynamic {
		e := d.of(resource.Endpoint, nameOf(c.Config, "cluster_name"))
		e.version, e.active = c.Version, c.Config
	}
	return nil
}

func (d *Dump) listeners(raw json.RawMessage) error {
	type listenerState struct {
		Version  string `json:"version_info"`
		Listener any    `json:"listener"`
	}
	var s struct {
		Dynamic []struct {
			Name    string         `json:"name"`
			Active  *listenerState `json:"active_state"`
			Warming *listenerState `json:"warming_state"`
			Error   *failure       `json:"error_state"`
		} `json:"dynamic_listeners"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, l := range s.Dynamic {
		if l.Active == nil && l.Warming == nil && l.Error == nil {
			continue // only its requests that are still running are left
		}
		if l.Name == "" && l.Error != nil { // Envoy leaves it out of one that was never there
			l.Name = nameOf(l.Error.Config, "name")
		}
		e := d.of(resource.Listener, l.Name)
		if l.Active != nil {
			e.version, e.active = l.Active.Version, l.Active.Listener
		}
		if l.Warming != nil {
			e.warmingVersion, e.warming = l.Warming.Version, l.Warming.Listener
		}
		l.Error.note(e)
	}
	return nil
}

func (d *Dump) scopes(raw json.RawMessage) error {
	var s struct {
		Dynamic []struct {
			Scopes []any `json:"scoped_route_configs"`
		} `json:"dynamic_scoped_route_configs"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, group := range s.Dynamic {
		for _, scope := range group.Scopes {
			e := d.of(resource.Scope, nameOf(scope, "name"))
			e.active = scope // the version is that of the last update of all scopes
		}
	}
	return nil
}

func (d *Dump) routes(raw json.RawMessage) error {
	var s struct {
		Dynamic []struct {
			Version string   `json:"version_info"`
			Config  any      `json:"route_config"`
			Error   *failure `json:"error_state"`
		} `json:"dynamic_route_configs"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, r := range s.Dynamic {
		e := d.of(resource.Route, nameOf(r.Config, "name"))
		e.version, e.active = r.Version, r.Config
		r.Error.note(e)
	}
	return nil
}

func (d *Dump) secrets(raw json.RawMessage) error {
	type entry struct {
		Name    string   `json:"name"`
		Version string   `json:"version_info"`
		Secret  any      `json:"secret"`
		Error   *failure `json:"error_state"`
	}
	var s struct {
		Active  []entry `json:"dynamic_active_secrets"`
		Warming []entry `json:"dynamic_warming_secrets"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, c := range s.Active {
		e := d.of(resource.Secret, c.Name)
		e.version, e.active = c.Version, c.Secret
		c.Error.note(e)
	}
	for _, c := range s.Warming {
		e := d.of(resource.Secret, c.Name)
		e.warmingVersion, e.warming = c.Version, c.Secret
		c.Error.note(e)
	}
	return nil
}
