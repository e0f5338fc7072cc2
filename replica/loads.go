package replica

// loads adds up what followers forward of load reports. The Leader's lock guards it.
type loads struct {
	sum map[loadKey]*Load
	// last is what each follower, by name, has said last.
	last map[string]*lastLoad
}

type loadKey struct{ fleet, cluster string }

type lastLoad struct {
	instance string
	load     map[loadKey]Load
}

func newLoads() loads {
	return loads{sum: map[loadKey]*Load{}, last: map[string]*lastLoad{}}
}

// add counts what has come since the follower's last report. Its first one is where counting
// begins; over a loss of the connection nothing is lost, nor counted twice.
func (l *loads) add(f *follower, r loadReport) {
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
		sum := l.sum[k]
		if sum == nil {
			sum = &Load{Fleet: n.Fleet, Cluster: n.Cluster}
			l.sum[k] = sum
		}
		sum.Issued += n.Issued - min(before.Issued, n.Issued)
		sum.Success += n.Success - min(before.Success, n.Success)
		sum.Error += n.Error - min(before.Error, n.Error)
		sum.Dropped += n.Dropped - min(before.Dropped, n.Dropped)
	}
}

// EachLoad calls f with what the Envoys of followers have reported for every cluster since this
// leader heard of them first.
func (l *Leader) EachLoad(f func(Load)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.loads.sum {
		f(*n)
	}
}
