// Package files reads Kubernetes manifests from a directory tree, as kubectl apply -R -f
// would, and watches it.
//
//	src := files.New(files.Options{Dir: "manifests", State: store, Log: log})
//	go src.Run(ctx, batches)
//
// In: files of YAML and JSON (also several documents in one file, and Lists), what the
// state store knows from the last run, and file system events. Out: batches of admitted
// objects, each with an Origin that finds the line of a field again, and all problems with
// file, line and column. Load gives the same for files once, for checking them.
//
// What a batch promises:
//
//   - A document that is broken never hurts another. The last good version of its object
//     stays in effect. Where a broken file cannot be told apart into objects, all objects last
//     read from it stay, unless they move to another file.
//   - The same object in two places is an error at the one that came later: the place that is
//     in effect stays in effect, also over a restart. Where both are new, the order of paths
//     decides, and then that of lines.
//   - When more than half of ten or more objects would vanish at once, or the directory
//     itself is gone, nothing is deleted until they return or Confirm is called. See hold.go.
//   - A file that loses objects while it is rewritten in place has them for a moment longer:
//     it may be half written. See settle.go.
//   - A burst of changes, such as a git checkout, is one batch.
//
// It may not know the translator, the xDS server or rollouts.
package files
