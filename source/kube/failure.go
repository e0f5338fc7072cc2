package kube

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// setFailure notes whether the server answers for a collection.
func (s *Source) setFailure(c *collection, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.recovered(c)
		return
	}
	if c.failure == nil {
		c.since = time.Now()
		s.failing[c] = struct{}{}
		s.signal()
	}
	c.failure = err
}

// recovered notes that the server answers for a collection.
func (s *Source) recovered(c *collection) {
	if c.failure != nil {
		c.failure = nil
		delete(s.failing, c)
		s.signal()
	}
}

// failures says what cannot be read for a while now: once for all kinds with the same kind of cause.
func (s *Source) failures(now time.Time) []api.Problem {
	kinds, causes := map[metav1.StatusReason][]string{}, map[metav1.StatusReason]string{}
	for c := range s.failing {
		if now.Sub(c.since) < s.delays.failure {
			continue
		}
		group, why := apierrors.ReasonForError(c.failure), cause(c.failure)
		kinds[group] = append(kinds[group], c.Resource)
		if causes[group] == "" || why < causes[group] {
			causes[group] = why
		}
	}
	var problems []api.Problem
	for group, names := range kinds {
		slices.Sort(names)
		problems = append(problems, api.Problem{
			Reason: api.ReasonSourceUnavailable, Severity: api.Error,
			Message: fmt.Sprintf("the API server cannot be asked for %s: %s; what it said last stays in effect", strings.Join(slices.Compact(names), ", "), causes[group]),
			Hint:    "check that it runs and can be reached, and what the role of this client permits",
		})
	}
	return problems
}

// warn logs what the first batch waits for, since nobody else can say it yet.
func (s *Source) warn(failures []api.Problem) {
	for _, p := range failures {
		if !slices.Contains(s.said, p) {
			s.log.Warn("waiting for the API server", "problem", p.String())
		}
	}
	s.said = failures
}

// cause leaves out which request has failed.
func cause(err error) string {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err.Error()
	}
	return err.Error()
}

// notInstalled says which kinds the server does not know.
func (s *Source) notInstalled() []api.Problem {
	kinds := map[api.Kind]bool{}
	var problems []api.Problem
	for _, c := range s.collections {
		if !c.absent || kinds[c.Kind] {
			continue
		}
		kinds[c.Kind] = true
		problems = append(problems, api.Problem{
			Reason: api.ReasonKindNotInstalled, Severity: api.Info,
			Message: fmt.Sprintf("the API server does not know kind %s of %s", c.Kind, c.GVK.GroupVersion()),
			Hint:    "install its CRD if you want to use it; it is read as soon as it is there",
		})
	}
	return problems
}

// Unread implements source.Source.
func (s *Source) Unread() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unread()
}

func (s *Source) unread() []string {
	var waiting []string
	for _, c := range s.collections {
		if c.read {
			continue
		}
		why := c.Resource
		if c.namespace != "" {
			why += " in " + c.namespace
		}
		why += " have not been read from the API server yet"
		if c.failure != nil {
			why += ": " + cause(c.failure)
		}
		waiting = append(waiting, why)
	}
	return waiting
}
