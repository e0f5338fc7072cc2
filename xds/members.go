package xds

import "github.com/gateway-cp/gateway-cp/resource"

// join makes a session known to the store: from here on it is told of changes.
func (s *store) join(session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap()
	if last := len(s.vacant) - 1; last >= 0 {
		session.number, s.vacant = s.vacant[last], s.vacant[:last]
		s.sessions[session.number] = session
	} else {
		session.number = uint32(len(s.sessions))
		s.sessions = append(s.sessions, session)
	}
	for _, a := range session.node.audiences() {
		of := s.groupOf(a)
		of.members.add(session.number)
		session.audiences = append(session.audiences, of)
	}
	session.known = s.applied
}

// dismiss has the store forget a session, when it next has the time. Until then and for as long
// as it is kept as an earlier session of its Envoy, it is told of changes like any other, so that
// what it knows of the Envoy stays true.
func (s *store) dismiss(session *session) {
	s.leaving.mu.Lock()
	defer s.leaving.mu.Unlock()
	s.leaving.sessions = append(s.leaving.sessions, session)
}

// reap removes the sessions that were dismissed. The caller holds the lock for writing.
func (s *store) reap() {
	s.leaving.mu.Lock()
	leaving := s.leaving.sessions
	s.leaving.sessions = nil
	s.leaving.mu.Unlock()
	for _, session := range leaving {
		for ; session != nil; session = session.earlier {
			if s.sessions[session.number] != session {
				continue
			}
			for _, a := range session.audiences {
				a.members.remove(session.number)
				s.dropGroup(a)
			}
			s.names.leaveAll(session.number)
			s.sessions[session.number] = nil
			s.vacant = append(s.vacant, session.number)
		}
	}
}

// groups are those of the audiences that an Envoy is part of which there are, from narrow to
// wide. The caller holds the lock.
func (s *store) groups(node Node) (all []*group) {
	for _, a := range node.audiences() {
		if of := s.audiences[a]; of != nil {
			all = append(all, of)
		}
	}
	return all
}

func (s *store) groupOf(a resource.Audience) *group {
	of := s.audiences[a]
	if of == nil {
		of = &group{Audience: a}
		s.audiences[a] = of
	}
	return of
}

// dropGroup forgets an audience without resources and sessions.
func (s *store) dropGroup(a *group) {
	if a.resources == 0 && a.members.n == 0 {
		delete(s.audiences, a.Audience)
	}
}
