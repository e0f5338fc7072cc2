package replica

import "fmt"

// Position is how far a leader's decisions have come. It is on disk before they are given out.
//
// Number goes up with every decision. Term goes up, and Lineage becomes another, when a follower is
// made the leader, so that the decisions of the leader before, should it come back, are recognised
// as those of an earlier term, whatever their number.
type Position struct {
	Lineage string `json:"lineage"` // random, of the process that began the term
	Term    uint64 `json:"term"`
	Number  uint64 `json:"number"`
}

// IsZero says whether nothing has been decided or taken over yet.
func (p Position) IsZero() bool { return p == Position{} }

// String is for people.
func (p Position) String() string { return fmt.Sprintf("%d.%d", p.Term, p.Number) }

// Follows says whether someone who is at p may go on with a leader who is at leader; if not, the
// error says why. Only going backwards, or sideways to a leader that shares no history, is refused.
func (p Position) Follows(leader Position) error {
	switch {
	case p.IsZero() || leader.Term > p.Term:
		return nil
	case leader.Term < p.Term:
		return fmt.Errorf("the leader is at %s, this replica is at %s already, of a later term: another replica was made the leader meanwhile", leader, p)
	case leader.Lineage != p.Lineage:
		return fmt.Errorf("the leader is at %s and this replica at %s, but of another history: "+
			"two replicas were made leaders of their own, or one has lost its state directory", leader, p)
	case leader.Number < p.Number:
		return fmt.Errorf("the leader is at %s, this replica is at %s already: the leader's state directory is an old one", leader, p)
	}
	return nil
}
