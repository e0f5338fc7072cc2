package xds

// clusterState is what is known of a cluster on one Envoy.
type clusterState struct {
	// warm: Envoy has its endpoints (and, with active health checks, has done a first round):
	// the acknowledgement of the cluster says so, and for a cluster without active health
	// checks that of endpoints which were sent after it.
	warm bool
	// sent is when the cluster was sent, in the session's order of sending; 0 once it is warm, or
	// before the first response.
	sent uint64
	// checked: it has active health checks; healthy is how many endpoints passed them, as
	// Envoy's gauge membership_healthy says.
	checked bool
	healthy int
	// reported: the gauge has come since the cluster was last sent.
	reported bool
	// mayCheck: some version that the Envoy may have has active health checks, so that only an
	// acknowledgement of clusters says that it is warm.
	mayCheck bool
}

// clusters are the states of the clusters on one Envoy, a column for each field: most are a bit
// for each cluster, and sent is kept for those alone that are not warm.
type clusters struct {
	there, warm, checked, mayCheck bitset

	sent    sparse[uint64]
	healthy []uint32 // one more than how many are; 0: not reported. Only as long as needed
}

func (c *clusters) get(id uint32) (clusterState, bool) {
	if !c.there.has(id) {
		return clusterState{}, false
	}
	state := clusterState{warm: c.warm.has(id), checked: c.checked.has(id), mayCheck: c.mayCheck.has(id)}
	state.sent, _ = c.sent.get(id)
	if int(id) < len(c.healthy) && c.healthy[id] > 0 {
		state.reported, state.healthy = true, int(c.healthy[id]-1)
	}
	return state, true
}

func (c *clusters) put(id uint32, state clusterState) {
	c.there.add(id)
	c.warm.set(id, state.warm)
	c.checked.set(id, state.checked)
	c.mayCheck.set(id, state.mayCheck)
	if state.warm || state.sent == 0 {
		c.sent.remove(id)
	} else {
		c.sent.put(id, state.sent)
	}
	switch n := int(id) + 1; {
	case state.reported:
		if n > len(c.healthy) {
			c.healthy = append(c.healthy, make([]uint32, n-len(c.healthy))...)
		}
		c.healthy[id] = uint32(max(0, state.healthy)) + 1
	case n <= len(c.healthy):
		c.healthy[id] = 0
	}
}

func (c *clusters) remove(id uint32) {
	if c.there.has(id) {
		c.put(id, clusterState{warm: true})
		c.there.remove(id)
		c.warm.remove(id)
	}
}
