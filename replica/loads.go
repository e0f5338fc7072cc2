package replica

import "maps"

// loads adds up what followers forward of load reports. The Leader's lock guards it.
type loads struct {
	sum map[string]map[string]*Load // by cluster, then by fleet
	// last is what each follower, by name, has said last.
	last map[string]*lastLoad
	// watched are the clusters that somebody waits for.
	watched map[string]struct{}
}

type loadKey struct{ fleet, cluster string }

type lastLoad struct {
	instance string
	load     map[loadKey]Load
}

func newLoads() loads {
	return loads{sum: map[string]map[string]*Load{}, last: map[string]*lastLoad{}}
}

// add counts what has come since the follower's last report, and gives the clusters in it that are
// watched. Its first one is where counting begins; over a loss of the connection nothing is lost,
// nor counted twice.
func (l *loads) add(f *follower, r loadReport) (watched []string) {
	last := l.last[f.Name]
	if last == nil || last.instance != f.instance {
		last = &lastLoad{f.instance, map[loadKey]Load{}}
		l.last[f.Name] = last
		for _, n := range r.Load {
			if r.Base {
				last.load[loadKey{n.Fleet, n.Cluster}] = n
			}
		}
	}
	for _, n := range r.Load {
		k := loadKey{n.Fleet, n.Cluster}
		before := last.load[k]
		last.load[k] = n
		fleets := l.sum[n.Cluster]
		if fleets == nil {
			fleets = map[string]*Load{}
			l.sum[n.Cluster] = fleets
		}
		sum := fleets[n.Fleet]
		if sum == nil {
			sum = &Load{Fleet: n.Fleet, Cluster: n.Cluster}
			fleets[n.Fleet] = sum
		}
		sum.Issued += n.Issued - min(before.Issued, n.Issued)
		sum.Success += n.Success - min(before.Success, n.Success)
		sum.Error += n.Error - min(before.Error, n.Error)
		sum.Dropped += n.Dropped - min(before.Dropped, n.Dropped)
		if _, is := l.watched[n.Cluster]; is {
			watched = append(watched, n.Cluster)
		}
	}
	return watched
}

// EachLoad calls f with what the Envoys of followers have reported for every cluster since this
// leader heard of them first.
func (l *Leader) EachLoad(f func(Load)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fleets := range l.loads.sum {
		for _, n := range fleets {
			f(*n)
		}
	}
}

// Load is that of one cluster, in each fleet.
func (l *Leader) Load(cluster string) []Load {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Load
	for n := range maps.Values(l.loads.sum[cluster]) {
		all = append(all, *n)
	}
	return all
}

// WatchLoad says which clusters somebody waits for: a report on one of them is an observation.
func (l *Leader) WatchLoad(clusters map[string]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loads.watched = clusters
}
