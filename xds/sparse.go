package xds

// sparse holds something for few of many numbers. Unlike a map it gives memory back when it has
// become small: when an Envoy connects, everything is an exception for a moment.
type sparse[V any] struct {
	m    map[uint32]V
	most int // how many there were since it was made
}

func (s *sparse[V]) get(i uint32) (V, bool) {
	v, ok := s.m[i]
	return v, ok
}

func (s *sparse[V]) put(i uint32, v V) {
	if s.m == nil {
		s.m = map[uint32]V{}
	}
	s.m[i] = v
	s.most = max(s.most, len(s.m))
}

func (s *sparse[V]) remove(i uint32) {
	delete(s.m, i)
	switch n := len(s.m); {
	case n == 0:
		s.m, s.most = nil, 0
	case s.most > 64 && n < s.most/8:
		smaller := make(map[uint32]V, n)
		for k, v := range s.m {
			smaller[k] = v
		}
		s.m, s.most = smaller, n
	}
}
