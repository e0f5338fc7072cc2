// Package convert makes Rollouts of what Argo Rollouts and Flagger read.
//
// In: manifests of an Argo Rollouts Rollout, with the AnalysisTemplates beside it, or of a Flagger Canary. Out: Rollouts of
// gateway-cp, and a note for every field that was not carried over: nothing is dropped without a word. Which field becomes
// what is in the table Fields, from which docs/migrating.md has its own.
//
// It is pure, and knows only the API.
package convert
