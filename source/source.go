package source

import (
	"context"

	"github.com/gateway-cp/gateway-cp/api"
)

// EditsSuffix marks a revision with edits on top of it that are not committed.
const EditsSuffix = " + edits"

// Batch is one step from a consistent set of objects to the next. It is applied whole.
type Batch struct {
	// Revision names the set after the batch, such as a Git commit; empty when unknown. When what
	// is read is not what was committed, it ends with EditsSuffix.
	Revision string
	// Partly says that not all of the revision is in effect: files or objects have errors, or
	// deletions are held, so older versions are in effect or nothing is.
	Partly bool
	// Set are the objects that are new or have changed, sorted by key.
	Set []*api.Object
	// Delete are the objects that are gone, sorted.
	Delete []api.Key
	// Problems are all problems that the source has now, sorted. They replace those of the
	// batch before.
	Problems []api.Problem
}

// Source reads objects from one place. Everything but Run may be called by any goroutine.
type Source interface {
	// Run sends the whole set as the first batch, then a batch for every change, until ctx
	// ends. It returns an error only if it could never deliver anything (for example, the
	// directory does not exist); whatever goes wrong later is a Problem in a batch.
	Run(ctx context.Context, out chan<- Batch) error
	// Unread says what the first batch waits for, for people.
	Unread() []string
	// Held says whether deletions are held at the moment.
	Held() (Hold, bool)
	// Confirm says that the loss which is held is meant: the missing objects are deleted in the
	// next batch. It is false, and does nothing, when nothing is held.
	Confirm() bool
}

// Hold says that objects which the source does not have any more are kept in effect: one that
// suddenly empties is not obeyed blindly.
type Hold struct {
	// Missing is the number of objects that would be deleted.
	Missing int
	// Message says what happened and what to do.
	Message string
}

// The loss of most objects is held: of more than half of at least HoldAtLeast, or of all of at least
// HoldAllAtLeast.
const (
	HoldAtLeast    = 10
	HoldAllAtLeast = 3
)
