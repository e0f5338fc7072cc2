// Package replica lets several gateway-cp serve one fleet of Envoys: one leads, the others follow.
//
// All of them read the same manifests and serve Envoys by themselves; versions of resources are
// hashes of their content, so that an Envoy which moves from one to the other has everything
// already. What only one may decide travels over one stream that a follower opens to the leader:
//
//	leader → follower: decisions on Rollouts, each with a Position that only goes up; questions
//	follower → leader: its Envoys, how the clusters of versions are on them, load reports,
//	                   which position it has put into effect, answers
//
// The messages are JSON over gRPC (protocol.go), so that one side may be newer: unknown fields are
// ignored, and what would be misunderstood has another protocol number. Leader is the server,
// Follower the client; both are asked from the main loop of the control plane and ring a bell when
// there is news. Store keeps what a follower was told, and makes a leader of one.
//
// It may not know Envoy, the translation or where objects come from: what is observed is handed
// to it.
package replica
