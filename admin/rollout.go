package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

const (
	rolloutsPath = "/v1/rollouts"
	actionsPart  = "/actions"
	historyPart  = "/history"
)

// maxAction bounds what a Rollout is told, in bytes.
const maxAction = 64 << 10

// ErrRefused means that a Rollout cannot do what it is told as things stand: the message says why.
var ErrRefused = errors.New("cannot be done")

// RolloutAction is what a Rollout is told to do.
type RolloutAction struct {
	Action string `json:"action"`         // promote, pause, resume, abort, retry or undo
	Full   bool   `json:"full,omitempty"` // of promote: leave out all the steps that are left
	By     string `json:"by,omitempty"`   // who says so, for the history
}

// RolloutRecord is something that happened to a Rollout.
type RolloutRecord struct {
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"` // stable
	Warning bool      `json:"warning,omitempty"`
	Message string    `json:"message"`
	By      string    `json:"by,omitempty"` // who, where it was a person
}

// Rollouts is a View that can be told what Rollouts shall do.
type Rollouts interface {
	// Act returns once it is on disk and in effect. What cannot be done wraps ErrRefused.
	Act(ctx context.Context, namespace, name string, a RolloutAction) error
	// History gives what has happened, the oldest first. An unknown Rollout wraps ErrRefused.
	History(ctx context.Context, namespace, name string) ([]RolloutRecord, error)
}

// handleRollouts answers where the view can.
func handleRollouts(mux *http.ServeMux, view View) {
	rollouts, ok := view.(Rollouts)
	if !ok {
		return
	}
	one := rolloutsPath + "/{namespace}/{name}"
	mux.HandleFunc("POST "+one+actionsPart, func(w http.ResponseWriter, r *http.Request) {
		var a RolloutAction
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAction)).Decode(&a); err != nil {
			writeJSON(w, http.StatusBadRequest, failure{err.Error()})
			return
		}
		writeRollout(w, struct{}{}, rollouts.Act(r.Context(), r.PathValue("namespace"), r.PathValue("name"), a))
	})
	mux.HandleFunc("GET "+one+historyPart, func(w http.ResponseWriter, r *http.Request) {
		records, err := rollouts.History(r.Context(), r.PathValue("namespace"), r.PathValue("name"))
		writeRollout(w, records, err)
	})
}

func writeRollout(w http.ResponseWriter, answer any, err error) {
	if errors.Is(err, ErrRefused) {
		writeJSON(w, http.StatusConflict, failure{err.Error()})
		return
	}
	writeAnswer(w, answer, err)
}

// Act tells a Rollout to do something, and returns once it is in effect. What cannot be done
// wraps ErrRefused.
func (c *Client) Act(ctx context.Context, namespace, name string, a RolloutAction) error {
	return c.ask(ctx, http.MethodPost, rolloutPath(namespace, name)+actionsPart, a, nil)
}

// History gives what has happened to a Rollout, the oldest first.
func (c *Client) History(ctx context.Context, namespace, name string) ([]RolloutRecord, error) {
	var all []RolloutRecord
	return all, c.call(ctx, http.MethodGet, rolloutPath(namespace, name)+historyPart, &all)
}

func rolloutPath(namespace, name string) string {
	return rolloutsPath + "/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
}
