package main

import (
	"github.com/gateway-cp/gateway-cp/allocation"
	"github.com/gateway-cp/gateway-cp/state"
	"github.com/gateway-cp/gateway-cp/translator"
)

// newAllocations makes a manager of the numbers of Services that goes on with what is recorded.
func newAllocations(db *state.Store) (*allocation.Manager, error) {
	store := allocation.StateStore{DB: db}
	records, err := store.Load()
	if err != nil {
		return nil, cannotf("read the numbers of Services: %w", err)
	}
	return allocation.NewManager(records, store), nil
}

// allocated gives the Services that have changed, or got other numbers, as changes for the translator.
func (c *controlPlane) allocated() []translator.Change {
	services, err := c.allocations.Step()
	if err != nil {
		c.log.Error("the numbers of Services are not recorded: after a restart they may be others", "error", err)
	}
	changes := make([]translator.Change, 0, len(services))
	for _, o := range services {
		changes = append(changes, translator.Change{Key: o.Key, Object: o})
	}
	return changes
}
