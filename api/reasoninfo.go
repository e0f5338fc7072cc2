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
	groupServer   = "Reading a Kubernetes API server"
	groupObject   = "One object by itself"
	groupTogether = "Objects together"
	groupSet      = "The whole set"
	groupTests    = "Policy tests"
	groupFleet    = "The fleet"
)

// OfReading says whether a reason is about the text of an object, rather than about what it asks for.
func (r Reason) OfReading() bool { return ofReading[r] }

var ofReading = func() map[Reason]bool {
	m := make(map[Reason]bool)
	for _, info := range Reasons {
		m[info.Reason] = info.Group == groupFiles
	}
	return m
}()
