package xds

import (
	"sync"
	"time"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// How often Envoys report load: always, and while somebody waits for it (WatchLoad).
const (
	loadInterval    = 10 * time.Second
	watchedInterval = time.Second
)

// Load is what Envoys have reported for a cluster: requests to its endpoints, since the
// process started. Issued counts all that were sent, Error those answered 5xx or not at all. A
// request that is tried again counts each time. One that met no healthy endpoint is in none.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/endpoint/v3/load_report.proto
type Load struct{ Issued, Success, Error, Dropped uint64 }

// load adds up what is reported. A report says what has come since the one before it, so that
// nothing is counted twice when an Envoy connects again.
type load struct {
	mu       *sync.Mutex
	clusters map[string]map[string]*Load // by name, then by fleet
	watched  map[string]struct{}
	// retimed is closed when the interval changes.
	retimed chan struct{}
}

func newLoad() load {
	return load{mu: &sync.Mutex{}, clusters: map[string]map[string]*Load{}, retimed: make(chan struct{})}
}

// StreamLoadStats takes in an Envoy's load reports.
func (s *Server) StreamLoadStats(stream loadv3.LoadReportingService_StreamLoadStatsServer) error {
	r, err := stream.Recv()
	if err != nil {
		return nil
	}
	node, from := nodeOf(r.GetNode()), peerOf(stream.Context())
	var had uint64 // what the Envoy had in full when the time began that a report is about
	ended := make(chan struct{})
	asked := make(chan error, 1)
	go func() { asked <- s.askForLoad(stream, ended) }()
	for ; err == nil; r, err = stream.Recv() {
		has := s.hasInFull(node.ID, from)
		for _, c := range r.ClusterStats {
			s.measures.add(c.ClusterName, had, func(sum *Measured) { sum.Load.add(c) })
		}
		had = has
		for _, cluster := range s.load.add(node.Fleet, r) {
			s.observed.add(cluster)
		}
	}
	close(ended)
	return <-asked
}

// askForLoad says how often to report, again whenever that changes, until the stream has ended.
func (s *Server) askForLoad(stream loadv3.LoadReportingService_StreamLoadStatsServer, ended <-chan struct{}) error {
	for said := time.Duration(0); ; {
		interval, retimed := s.load.interval()
		if interval != said {
			said = interval
			err := stream.Send(&loadv3.LoadStatsResponse{
				SendAllClusters:       true,
				LoadReportingInterval: durationpb.New(interval),
			})
			if err != nil {
				return err
			}
		}
		select {
		case <-retimed:
		case <-ended:
			return nil
		}
	}
}

// interval is how often to report now, and what is closed when that changes.
func (l *load) interval() (time.Duration, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.watched) > 0 {
		return watchedInterval, l.retimed
	}
	return loadInterval, l.retimed
}

// add takes in a report, and gives the clusters in it that are watched.
func (l *load) add(fleet string, r *loadv3.LoadStatsRequest) (watched []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range r.ClusterStats {
		fleets := l.clusters[c.ClusterName]
		if fleets == nil {
			fleets = map[string]*Load{}
			l.clusters[c.ClusterName] = fleets
		}
		sum := fleets[fleet]
		if sum == nil {
			sum = &Load{}
			fleets[fleet] = sum
		}
		sum.add(c)
		if _, is := l.watched[c.ClusterName]; is {
			watched = append(watched, c.ClusterName)
		}
	}
	return watched
}

// add adds what one report says of the cluster.
func (l *Load) add(c *endpointv3.ClusterStats) {
	l.Dropped += c.TotalDroppedRequests
	for _, locality := range c.UpstreamLocalityStats {
		l.Issued += locality.TotalIssuedRequests
		l.Success += locality.TotalSuccessfulRequests
		l.Error += locality.TotalErrorRequests
	}
}

// EachLoad calls f with the load of every cluster that was reported.
func (s *Server) EachLoad(f func(fleet, cluster string, l Load)) {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	for cluster, fleets := range s.load.clusters {
		for fleet, l := range fleets {
			f(fleet, cluster, *l)
		}
	}
}

// Load is the load of one cluster in all fleets.
func (s *Server) Load(cluster string) Load {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	var sum Load
	for _, l := range s.load.clusters[cluster] {
		sum.Issued += l.Issued
		sum.Success += l.Success
		sum.Error += l.Error
		sum.Dropped += l.Dropped
	}
	return sum
}

// WatchLoad says which clusters somebody waits for: while there are any, Envoys report load every
// second, and each report with one of them is an observation of it: see Observations.
func (s *Server) WatchLoad(clusters map[string]struct{}) {
	l := &s.load
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.watched) > 0
	l.watched = clusters
	if before != (len(clusters) > 0) {
		close(l.retimed)
		l.retimed = make(chan struct{})
	}
}
