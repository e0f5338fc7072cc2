package xds

import (
	"sync"
	"time"

	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// loadInterval is how often Envoys report load.
const loadInterval = 10 * time.Second

// Load is what Envoys have reported for a cluster: requests to its endpoints, since the
// process started. Issued counts all that were sent, Error those answered 5xx or not at all.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/endpoint/v3/load_report.proto
type Load struct{ Issued, Success, Error, Dropped uint64 }

type load struct {
	mu        *sync.Mutex
	byCluster map[loadKey]*Load
}

type loadKey struct{ fleet, cluster string }

func newLoad() load { return load{mu: &sync.Mutex{}, byCluster: map[loadKey]*Load{}} }

// StreamLoadStats takes in an Envoy's load reports.
func (s *Server) StreamLoadStats(stream loadv3.LoadReportingService_StreamLoadStatsServer) error {
	fleet := ""
	for {
		r, err := stream.Recv()
		if err != nil {
			return nil
		}
		if r.Node != nil && fleet == "" {
			fleet = nodeOf(r.Node).Fleet
			err := stream.Send(&loadv3.LoadStatsResponse{
				SendAllClusters:       true,
				LoadReportingInterval: durationpb.New(loadInterval),
			})
			if err != nil {
				return err
			}
		}
		s.load.add(fleet, r)
	}
}

func (l *load) add(fleet string, r *loadv3.LoadStatsRequest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range r.ClusterStats {
		k := loadKey{fleet, c.ClusterName}
		sum := l.byCluster[k]
		if sum == nil {
			sum = &Load{}
			l.byCluster[k] = sum
		}
		sum.Dropped += c.TotalDroppedRequests
		for _, locality := range c.UpstreamLocalityStats {
			sum.Issued += locality.TotalIssuedRequests
			sum.Success += locality.TotalSuccessfulRequests
			sum.Error += locality.TotalErrorRequests
		}
	}
}

// EachLoad calls f with the load of every cluster that was reported.
func (s *Server) EachLoad(f func(fleet, cluster string, l Load)) {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	for k, l := range s.load.byCluster {
		f(k.fleet, k.cluster, *l)
	}
}
