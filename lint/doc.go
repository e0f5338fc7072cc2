// Package lint says what is wrong, or most likely not meant, with a set of objects as a whole:
// what no object shows by itself.
//
//	t := translator.New()
//	t.Apply(changes)
//	translated := func() *translator.Translator { return t }
//	problems := lint.Check(lint.World{Objects: objects, Foreign: others, Translator: translated}, lint.Options{Now: now})
//
// In: admitted objects, the manifests beside them that gateway-cp does not read, and the
// translator that holds the objects. Out: problems with positions, sorted: those of the
// translator, and those of the checks here, each in a file of its own, listed in checks.go.
//
// Two things set it apart from what the translator says while the control plane runs. What is not
// in the set may well be elsewhere: Pods are seldom in Git, a certificate may be issued in the
// cluster. And it looks for what works, but not as its author means: a rule that no request
// reaches, a certificate that is about to expire.
//
// A check that is not certain keeps silent: a false alarm costs more than a check brings.
//
// The package may not know where objects come from, Envoy's types, clocks, files or logs.
package lint
