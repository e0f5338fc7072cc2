package status

import (
	"reflect"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// isShared says of a kind that several controllers write into one list of its status, each its own
// entries. To server-side apply the list is one value:
// https://gateway-api.sigs.k8s.io/reference/spec/#routestatus
func isShared(kind api.Kind) bool { return kind == api.KindHTTPRoute }

// nothingOf is the status of an object of which nothing is ours.
func nothingOf(kind api.Kind) map[string]any {
	if isShared(kind) {
		return map[string]any{"parents": []any{}}
	}
	return map[string]any{}
}

// merge completes what is to stand with what the API server has: the times of transitions that are
// none, and what other controllers say of a route.
func merge(kind api.Kind, want, have map[string]any, now time.Time) {
	at := now.UTC().Format(time.RFC3339)
	stamp(want, have, at)
	for _, listener := range list(want, "listeners") {
		stamp(listener, find(list(have, "listeners"), func(l map[string]any) bool { return l["name"] == listener["name"] }), at)
	}
	if !isShared(kind) {
		return
	}
	mine, parents := list(want, "parents"), []any{}
	var before []map[string]any
	for _, p := range list(have, "parents") {
		if p["controllerName"] == string(api.ControllerName) {
			before = append(before, p)
		} else {
			parents = append(parents, p)
		}
	}
	for _, p := range mine {
		stamp(p, find(before, func(b map[string]any) bool { return reflect.DeepEqual(b["parentRef"], p["parentRef"]) }), at)
		parents = append(parents, p)
	}
	want["parents"] = parents
}

// stamp says since when the conditions of something are what they are.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
func stamp(want, have map[string]any, now string) {
	for _, c := range list(want, "conditions") {
		c["lastTransitionTime"] = now
		old := find(list(have, "conditions"), func(o map[string]any) bool { return o["type"] == c["type"] })
		if since, ok := old["lastTransitionTime"]; ok && old["status"] == c["status"] {
			c["lastTransitionTime"] = since
		}
	}
}

// stands says whether all that is to stand does. What else there is belongs to others, but for fields
// of maps in lists, which are ours as a whole.
func stands(want, have map[string]any) bool {
	for name, w := range want {
		h, ok := have[name]
		if name == "conditions" {
			for _, c := range list(want, name) {
				if !slices.ContainsFunc(list(have, name), func(o map[string]any) bool { return reflect.DeepEqual(o, c) }) {
					return false
				}
			}
			continue
		}
		if !ok && isEmpty(w) {
			continue
		}
		if !reflect.DeepEqual(w, h) {
			return false
		}
	}
	return len(want) > 0 || len(have) == 0
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return v == nil
}

func list(in map[string]any, name string) (out []map[string]any) {
	all, _ := in[name].([]any)
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func find(all []map[string]any, is func(map[string]any) bool) map[string]any {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}
