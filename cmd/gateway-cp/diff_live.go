package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// livePrefix begins a side of a comparison that is a running gateway-cp.
const livePrefix = "live:"

func isLive(text string) bool { return strings.HasPrefix(text, livePrefix) }

// liveSide asks a running gateway-cp for what it has translated: live:[SOCKET].
func liveSide(ctx context.Context, text string) (*side, error) {
	client, err := connectBy(strings.TrimPrefix(text, livePrefix), livePrefix)
	if err != nil {
		return nil, err
	}
	cannot := func(err error) error {
		return withHint(cannotf("%s: %w", text, err), "is it running, as this user, and of this version?")
	}
	s := &side{name: text, translation: &traffic.Translation{}}
	if err := client.Translation(ctx, s.translation); err != nil {
		return nil, cannot(err)
	}
	status, err := client.Status(ctx)
	if err != nil {
		return nil, cannot(err)
	}
	s.problems = status.Problems
	s.positions = func(all []traffic.Origin) ([]api.Position, error) {
		if len(all) == 0 {
			return nil, nil
		}
		var at []api.Position
		if err := client.Positions(ctx, all, &at); err != nil {
			return nil, cannot(err)
		}
		if len(at) != len(all) {
			return nil, cannot(errors.New("it does not know where its objects are"))
		}
		return at, nil
	}
	return s, nil
}

// Translation is for the admin socket. The main loop is held up for as long as it takes to copy
// pointers.
func (c *controlPlane) Translation(ctx context.Context) (any, error) {
	var t *traffic.Translation
	if !c.do(ctx, func() { t = traffic.Snapshot(c.translator) }) {
		return nil, errors.New("the control plane is going down")
	}
	return t, nil
}

// Positions is for the admin socket: where fields are in the files.
func (c *controlPlane) Positions(ctx context.Context, raw json.RawMessage) (any, error) {
	var fields []traffic.Origin
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("%w: %w", admin.ErrQuestion, err)
	}
	objects := map[api.Key]*api.Object{}
	if !c.do(ctx, func() {
		for _, o := range fields {
			objects[o.Object] = c.translator.Object(o.Object)
		}
	}) {
		return nil, errors.New("the control plane is going down")
	}
	at := make([]api.Position, len(fields))
	for i, o := range fields {
		at[i] = originPosition(func(k api.Key) *api.Object { return objects[k] }, o.Object, o.Path)
	}
	return at, nil
}
