package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

const (
	translationPath = "/v1/translation"
	positionsPath   = "/v1/positions"
)

// maxFields bounds the fields that places are asked for, in bytes.
const maxFields = 64 << 20

// Translated is a View that hands out all that it has translated, without secrets, and says where
// fields are in its files. Both are JSON that this package passes on.
type Translated interface {
	Translation(ctx context.Context) (any, error)
	Positions(ctx context.Context, fields json.RawMessage) (any, error)
}

// handleTranslation answers for views that can.
func handleTranslation(mux *http.ServeMux, view View) {
	t, ok := view.(Translated)
	if !ok {
		return
	}
	mux.HandleFunc("GET "+translationPath, func(w http.ResponseWriter, r *http.Request) {
		answer, err := t.Translation(r.Context())
		writeAnswer(w, answer, err)
	})
	mux.HandleFunc("POST "+positionsPath, func(w http.ResponseWriter, r *http.Request) {
		fields, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFields))
		if err != nil {
			writeJSON(w, http.StatusRequestEntityTooLarge, failure{err.Error()})
			return
		}
		answer, err := t.Positions(r.Context(), fields)
		writeAnswer(w, answer, err)
	})
}

// writeAnswer answers a question that may be wrong, or not be answered.
func writeAnswer(w http.ResponseWriter, answer any, err error) {
	switch {
	case errors.Is(err, ErrQuestion):
		writeJSON(w, http.StatusUnprocessableEntity, failure{err.Error()})
	case err != nil:
		writeJSON(w, http.StatusInternalServerError, failure{err.Error()})
	default:
		writeJSON(w, http.StatusOK, answer)
	}
}

// Translation asks for all that was translated, and reads it into a value.
func (c *Client) Translation(ctx context.Context, into any) error {
	return c.call(ctx, http.MethodGet, translationPath, into)
}

// Positions asks where fields are in files, and reads the places into a value, in their order.
func (c *Client) Positions(ctx context.Context, fields, into any) error {
	return c.ask(ctx, http.MethodPost, positionsPath, fields, into)
}
