package api

// ReasonInfo explains a class of problems to people.
type ReasonInfo struct {
	Reason Reason
	// Group is the heading that the reason stands under in docs/problems.md.
	Group string
	// Means says what is wrong and what it does to traffic.
	Means string
	// Do says how to put it right.
	Do string
}

const (
	groupFiles    = "Reading files"
	groupObject   = "One object by itself"
	groupTogether = "Objects together"
	groupSet      = "The whole set"
	groupTests    = "Policy tests"
	groupFleet    = "The fleet"
)
