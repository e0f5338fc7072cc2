package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

const explainPath = "/v1/explain"

// maxQuestion bounds a question in bytes. Envoy takes 60 KiB of headers.
const maxQuestion = 1 << 20

// ErrQuestion means that a question cannot be answered as it is put: the message says why.
var ErrQuestion = errors.New("cannot be explained")

// Explainer is a View that says which way a request takes. Questions and answers are JSON that
// this package passes on. Errors that are the asker's wrap ErrQuestion.
type Explainer interface {
	Explain(ctx context.Context, question json.RawMessage) (any, error)
}

// handleExplain answers questions, where the view can.
func handleExplain(mux *http.ServeMux, view View) {
	explainer, ok := view.(Explainer)
	if !ok {
		return
	}
	mux.HandleFunc("POST "+explainPath, func(w http.ResponseWriter, r *http.Request) {
		question, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
		if err != nil {
			writeJSON(w, http.StatusRequestEntityTooLarge, failure{err.Error()})
			return
		}
		answer, err := explainer.Explain(r.Context(), question)
		writeAnswer(w, answer, err)
	})
}

// Explain asks which way a request takes, and reads the answer into a value. What is wrong
// with the question wraps ErrQuestion.
func (c *Client) Explain(ctx context.Context, question, answer any) error {
	return c.ask(ctx, http.MethodPost, explainPath, question, answer)
}
