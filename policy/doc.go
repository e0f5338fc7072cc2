// Package policy checks what a translation does with traffic against what people expect of it.
//
//	suite, problems := policy.Parse("shop.traffictest", text)
//	for _, test := range suite.Tests {
//		failures := policy.Run(test, policy.World{Models: models, ...})
//	}
//
// In: the text of test files, and a World: the models of the Envoys of each fleet, what Rollouts and
// Services there are, and the time that it is taken to be. Out: failures as api.Problems, with the line
// of the expectation that does not hold, what was expected, and what is.
//
// A test is about one request, about all routes, or about the world as a whole; docs/policy-tests.md
// describes the files. Whatever cannot be decided is a failure: an expression that does not evaluate,
// a request that no listener takes, routes of which there are none.
//
// The package is pure: it knows neither files nor clocks, networks or Envoy's types, nor where objects come from.
package policy
