package dns

import (
	"net/netip"
	"strings"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// snapshot is all names at one moment. It is never changed: an edit makes another one, which shares
// with it what has stayed.
type snapshot struct {
	domain string // in lower case, with the dot of the root
	serial uint32 // grows with every change
	// services are by "namespace/name". namespaces are those that an object says to be there: others
	// are because a Service is in them.
	services   *iradix.Tree[*records]
	namespaces *iradix.Tree[struct{}]
	// pointers are the names of addresses, without the domain: by the address, and who has it.
	pointers *iradix.Tree[string]
}

// edit is what becomes of a snapshot.
type edit struct {
	before     *snapshot // nil: there is none yet
	domain     string
	services   *iradix.Txn[*records]
	namespaces *iradix.Txn[struct{}]
	pointers   *iradix.Txn[string]
	changed    bool
}

func (s *snapshot) edit() *edit {
	if s == nil {
		return &edit{
			services: iradix.New[*records]().Txn(), namespaces: iradix.New[struct{}]().Txn(),
			pointers: iradix.New[string]().Txn(), changed: true,
		}
	}
	return &edit{before: s, domain: s.domain, services: s.services.Txn(), namespaces: s.namespaces.Txn(), pointers: s.pointers.Txn()}
}

func (e *edit) setDomain(domain string) {
	domain = fqdn(strings.ToLower(domain))
	e.changed = e.changed || domain != e.domain
	e.domain = domain
}

func (e *edit) setNamespace(namespace string, there bool) {
	e.changed = true
	if there {
		e.namespaces.Insert([]byte(namespace), struct{}{})
	} else {
		e.namespaces.Delete([]byte(namespace))
	}
}

// setService puts the records of a Service in place; nil: it is gone.
func (e *edit) setService(n name, r *records) {
	key := serviceKey(n.namespace, n.name)
	before, _ := e.services.Get(key)
	if before == r || before != nil && r != nil && before.equal(r) {
		return
	}
	e.changed = true
	if before != nil {
		before.pointers(func(a netip.Addr, host string) { e.pointers.Delete(pointerKey(a, n, host)) })
		e.services.Delete(key)
	}
	if r == nil {
		return
	}
	e.services.Insert(key, r)
	r.pointers(func(a netip.Addr, host string) { e.pointers.Insert(pointerKey(a, n, host), hostPart(host)+n.part()) })
}

// commit gives the edited snapshot; the one before when nothing is different.
func (e *edit) commit() *snapshot {
	if !e.changed {
		return e.before
	}
	after := &snapshot{
		domain: e.domain, serial: 1,
		services: e.services.Commit(), namespaces: e.namespaces.Commit(), pointers: e.pointers.Commit(),
	}
	if e.before != nil {
		after.serial = e.before.serial + 1
	}
	return after
}

// part is the name of a Service within the domain.
func (n name) part() string { return n.name + "." + n.namespace + ".svc" }

// hostPart is what stands before the name of a Service, for an endpoint of it.
func hostPart(host string) string {
	if host == "" {
		return ""
	}
	return host + "."
}

func serviceKey(namespace, service string) []byte {
	key := make([]byte, 0, 64)
	key = append(key, namespace...)
	key = append(key, '/')
	return append(key, service...)
}

func addressKey(a netip.Addr) []byte {
	bytes := a.As16()
	return append(make([]byte, 0, 96), bytes[:]...)
}

func pointerKey(a netip.Addr, n name, host string) []byte {
	return append(addressKey(a), n.namespace+"/"+n.name+"/"+host...)
}

// service gives the records of a Service, or nil.
func (s *snapshot) service(namespace, service string) *records {
	r, _ := s.services.Get(serviceKey(namespace, service))
	return r
}

// hasNamespace says whether a namespace is there.
func (s *snapshot) hasNamespace(namespace string) bool {
	if _, ok := s.namespaces.Get([]byte(namespace)); ok {
		return true
	}
	found := false
	s.services.Root().WalkPrefix(serviceKey(namespace, ""), func([]byte, *records) bool { found = true; return true })
	return found
}

// names gives the names of an address, with the domain.
func (s *snapshot) names(a netip.Addr) (all []string) {
	s.pointers.Root().WalkPrefix(addressKey(a), func(_ []byte, part string) bool {
		all = append(all, part+"."+s.domain)
		return false
	})
	return all
}
