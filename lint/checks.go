package lint

import "github.com/gateway-cp/gateway-cp/api"

// check looks for problems of some reasons.
type check struct {
	name    string
	reasons []api.Reason
	run     func(*checker)
}

// checks lists everything that is looked for.
func checks() []check {
	return []check{
		{"routes that take each other's requests", []api.Reason{api.ReasonRouteConflict, api.ReasonRuleUnreachable}, unreachable},
	}
}
