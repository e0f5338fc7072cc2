// Package findings turns problems into what people and machines read: in a terminal, in an
// editor, in a pull request.
//
//	list := findings.New(problems)            // from the checks, whichever they are
//	list, lowered := severities.Apply(list)   // what the configuration says of them
//	texts.Complete(list)                      // the lines that they are about
//	err := findings.Write(w, "sarif", &findings.Report{Findings: list}, findings.Options{})
//
// In: problems with positions, the text of the files that they are about, comments that
// silence some of them, a file of old ones. Out: findings in one of the Formats.
//
// The values of a Secret are never shown: see mask.go.
//
// It may not know where problems come from: files, the translator, an Envoy.
package findings
