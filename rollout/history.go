package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/state"
)

// mostRecords bounds the history of a Rollout.
const mostRecords = 200

// Record is something that happened to a Rollout. Its JSON form is stored.
type Record struct {
	At      time.Time   `json:"at"`
	Reason  EventReason `json:"reason"`
	Warning bool        `json:"warning,omitempty"`
	Message string      `json:"message"`
	By      string      `json:"by,omitempty"` // who, where it was a person
}

// records makes records of events.
func records(events []Event, now time.Time) []Record {
	var out []Record
	for _, e := range events {
		out = append(out, Record{At: now.UTC().Round(0), Reason: e.Reason, Warning: e.Warning, Message: e.Message, By: e.By})
	}
	return out
}

// History gives the newest 200 records of a Rollout, the oldest first. The moves of a ramp are one.
func History(db *state.Store, key api.Key) ([]Record, error) {
	var all []Record
	if _, err := db.Get(state.Histories, key.Namespace+"/"+key.Name, &all); err != nil {
		return nil, fmt.Errorf("history of %s: %w", key, err)
	}
	return all, nil
}

// histories gives what is to be written for news, and to be deleted with states.
func (s *Store) histories(states map[api.Key]*State, news map[api.Key][]Record) (map[string][]byte, error) {
	changed := map[string][]byte{}
	for key, st := range states {
		name := key.Namespace + "/" + key.Name
		if st == nil {
			if s.written[name] != nil {
				changed[name] = nil
			}
			continue
		}
		if len(news[key]) == 0 {
			continue
		}
		all, err := History(s.db, key)
		if err != nil {
			return nil, err
		}
		data, err := json.Marshal(Append(all, news[key], mostRecords))
		if err != nil {
			return nil, err
		}
		changed[name] = data
	}
	return changed, nil
}

// Append adds news to a history, of which the newest are kept.
func Append(all, news []Record, most int) []Record {
	all = slices.Clone(all)
	for _, r := range news {
		if n := len(all); n > 0 && r.Reason == EventWeightsChanged && all[n-1].Reason == EventWeightsChanged {
			all = all[:n-1] // of a ramp, only the last is kept
		}
		all = append(all, r)
	}
	return all[max(0, len(all)-most):]
}
