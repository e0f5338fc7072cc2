// Package kube reads the objects of a Kubernetes API server, and watches them.
//
//	src := kube.New(kube.Options{Config: config, Log: log})
//	go src.Run(ctx, batches)
//
// In: what the API server lists and sends of the kinds in kinds.go. Out: batches of admitted
// objects, made small, and all problems.
//
// What a batch promises:
//
//   - The first one has everything: it is sent when all kinds have been read. A kind that the server
//     does not know (its CRD is not installed) counts as empty, is said, and looked for again.
//   - A change is sent at once. Changes that come while the receiver is busy are one batch.
//   - An object that is not valid by itself never hurts another: the last good version that this
//     process has seen stays in effect.
//   - A server that is away, restarts, or has forgotten where a watch was, changes nothing: what was
//     read last stays. What is missing when it is read anew is deleted, unless that is most of what
//     people have written. See hold.go.
//   - What changes only in fields that nobody reads is no change.
//
// It may not know the translator, the xDS server or rollouts, and never writes to the API server.
package kube
