package main

import (
	"errors"
	"fmt"
)

// The exit codes. Scripts depend on them.
const (
	exitOK       = 0 // fine
	exitProblems = 1 // problems found
	exitUsage    = 2 // wrong usage
	exitCannot   = 3 // could not run
)

// exitError carries the exit code of the process, and what to do about the error.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usagef is the user's mistake: a flag, an argument, the config file.
func usagef(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// cannotf is what kept the command from doing its work.
func cannotf(format string, args ...any) error {
	return &exitError{code: exitCannot, err: fmt.Errorf(format, args...)}
}

// withHint adds what a person can do about an error.
func withHint(err error, format string, args ...any) error {
	e := &exitError{code: codeOf(err), err: err}
	e.hint = fmt.Sprintf(format, args...)
	return e
}

// errProblems means that the problems have been printed already.
var errProblems = &exitError{code: exitProblems}

// codeOf gives the exit code for an error; one without a code could not run.
func codeOf(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	}
	return exitCannot
}

// hintOf gives the hint that an error carries, if any.
func hintOf(err error) string {
	var e *exitError
	if errors.As(err, &e) {
		return e.hint
	}
	return ""
}
