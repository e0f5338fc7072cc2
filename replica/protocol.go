package replica

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"github.com/gateway-cp/gateway-cp/rollout"
)

// Protocol is the number of the newest protocol that is spoken here, oldestProtocol that of the
// oldest. A field that the other side may ignore needs no new number.
const (
	Protocol       = 1
	oldestProtocol = 1
)

// toLeader is a message of a follower. The first one of a stream has a Hello; what is not set has
// not changed.
type toLeader struct {
	Hello *hello `json:"hello,omitempty"`
	// Nodes and Clusters belong together: what Clusters says of all other Envoys is true of Nodes.
	Nodes    *nodes                    `json:"nodes,omitempty"`
	Clusters map[string]*ClusterReport `json:"clusters,omitempty"` // nil: it is gone
	Effect   *Effect                   `json:"effect,omitempty"`
	Load     *loadReport               `json:"load,omitempty"`
	Answer   *answer                   `json:"answer,omitempty"`
}

// toFollower is a message of the leader. The first one of a stream has a welcome. There is at
// least one every tick, and be it empty.
type toFollower struct {
	Welcome   *welcome   `json:"welcome,omitempty"`
	Decisions *decisions `json:"decisions,omitempty"`
	// Ask has the follower answer with the status of its Envoys, under the same number.
	Ask uint64 `json:"ask,omitempty"`
}

// hello says who follows.
type hello struct {
	Protocol int    `json:"protocol"` // the newest that it speaks
	Oldest   int    `json:"oldest"`   // the oldest that it speaks
	Name     string `json:"name"`
	// Instance tells processes of one name apart.
	Instance string `json:"instance"`
	Version  string `json:"version"` // of gateway-cp
}

// welcome says who leads, and in what protocol to go on.
type welcome struct {
	Protocol int      `json:"protocol"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Position Position `json:"position"`
}

// nodes are all Envoys that are connected to a follower.
type nodes struct {
	Nodes []Node `json:"nodes"`
}

// Node says which Envoy it is.
type Node struct {
	ID    string `json:"id"`
	Fleet string `json:"fleet"`
	Zone  string `json:"zone,omitempty"`
	Name  string `json:"name,omitempty"` // the Kubernetes node
}

// ClusterReport is how a cluster is on the Envoys of a follower.
type ClusterReport struct {
	// Content is a hash over the cluster and its endpoints, as the follower serves them.
	Content uint64 `json:"content"`
	// Most is how it is on all Envoys but those in Others.
	Most   ClusterState            `json:"most"`
	Others map[string]ClusterState `json:"others,omitempty"`
}

// ClusterState is how a cluster is on one Envoy; see xds.ClusterOn.
type ClusterState struct {
	Warm     bool   `json:"warm,omitempty"`
	Healthy  int    `json:"healthy,omitempty"`
	Reported bool   `json:"reported,omitempty"`
	Refused  string `json:"refused,omitempty"`
}

// Effect is what a follower has put into effect.
type Effect struct {
	Position Position `json:"position"`
	Revision string   `json:"revision,omitempty"` // of its manifests
	// Held are Rollouts, as namespace/name, whose weights are not as decided, and why.
	Held map[string]string `json:"held,omitempty"`
}

// decisions are those that have changed, or all of them.
type decisions struct {
	Position  Position           `json:"position"`
	All       bool               `json:"all,omitempty"`
	Decisions []rollout.Decision `json:"decisions,omitempty"`
	Gone      []name             `json:"gone,omitempty"`
}

// name is that of a Rollout.
type name struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Load is what Envoys have reported for a cluster since the follower started.
type Load struct {
	Fleet   string `json:"fleet"`
	Cluster string `json:"cluster"`
	Issued  uint64 `json:"issued,omitempty"`
	Success uint64 `json:"success,omitempty"`
	Error   uint64 `json:"error,omitempty"`
	Dropped uint64 `json:"dropped,omitempty"`
}

// loadReport is the load that has changed; with Base all of it, where counting begins.
type loadReport struct {
	Base bool   `json:"base,omitempty"`
	Load []Load `json:"load,omitempty"`
}

// answer is that to an Ask.
type answer struct {
	To     uint64          `json:"to"`
	Status json.RawMessage `json:"status"`
}

// Times of the protocol.
const (
	// tick is how often the leader says something at least.
	tick = time.Second
	// silence is how long a follower hears nothing before it takes the leader for gone.
	silence = 5 * time.Second
	// loadInterval is how often load is forwarded, if Envoys have reported any.
	loadInterval = time.Second
	// helloTimeout is how long either side may take to say who it is.
	helloTimeout = 10 * time.Second
)

// followMethod is the one method: a stream of toLeader one way and of toFollower the other.
const followMethod = "/gatewaycp.replica.v1.Replicas/Follow"

var followStream = grpc.StreamDesc{StreamName: "Follow", ServerStreams: true, ClientStreams: true}

// service describes the server for gRPC.
func service(handler grpc.StreamHandler) *grpc.ServiceDesc {
	stream := followStream
	stream.Handler = handler
	return &grpc.ServiceDesc{
		ServiceName: "gatewaycp.replica.v1.Replicas",
		HandlerType: (*any)(nil),
		Streams:     []grpc.StreamDesc{stream},
	}
}

// agree gives the protocol that both sides speak.
func agree(h hello) (int, error) {
	if h.Protocol < oldestProtocol || h.Oldest > Protocol {
		return 0, fmt.Errorf("the follower speaks the protocols %d to %d between replicas, this one %d to %d: "+
			"upgrade one step at a time, and the older side first", h.Oldest, h.Protocol, oldestProtocol, Protocol)
	}
	return min(h.Protocol, Protocol), nil
}

// codec writes messages as JSON.
type codec struct{}

var _ encoding.Codec = codec{}

// Marshal is for gRPC.
func (codec) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Unmarshal is for gRPC.
func (codec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// Name is for gRPC.
func (codec) Name() string { return "json" }
