package schema

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"sync"
)

// Manifests say the same things over and over: most parts of an HTTPRoute are as in the one before. Rules
// need to be evaluated once only for what is the same in all that they read.

const (
	// maxKnown is how many different values are remembered at a level of a schema, and maxKnownSize how
	// many bytes of a value may count: 4096 and 512 bytes, 2 MiB where values are as large and differ.
	maxKnown     = 4096
	maxKnownSize = 512
)

// known are the values for which the rules of a level hold, and what it cost to find out. It may be
// used by several goroutines.
type known struct {
	reads *reads
	lock  sync.RWMutex
	costs map[string]int64 // by what was read
}

// cost gives what evaluating the rules of a value costs; false when it is not known that they hold.
// Key is what is to be remembered of it, in the room that is given; nil when that is too much.
func (k *known) cost(room []byte, value any) (cost int64, holds bool, key []byte) {
	key, fits := k.reads.append(room[:0], value)
	if !fits {
		return 0, false, nil
	}
	k.lock.RLock()
	defer k.lock.RUnlock()
	cost, holds = k.costs[string(key)]
	return cost, holds, key
}

// note remembers that rules hold.
func (k *known) note(key []byte, cost int64) {
	if key == nil {
		return
	}
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.costs == nil {
		k.costs = make(map[string]int64)
	}
	if len(k.costs) < maxKnown {
		k.costs[string(key)] = cost
	}
}

// append writes the parts of a value that are read: no two values that differ there are written the
// same. It is false when that is too long.
func (r *reads) append(b []byte, value any) (_ []byte, fits bool) {
	if len(b) > maxKnownSize {
		return b, false
	}
	switch value := value.(type) {
	case map[string]any:
		return r.appendMap(b, value)
	case []any:
		b = binary.AppendUvarint(append(b, '['), uint64(len(value)))
		below := r.below()
		if below == nil {
			return b, true
		}
		for _, item := range value {
			if b, fits = below.append(b, item); !fits {
				return b, false
			}
		}
		return b, true
	}
	if value != nil && r.onlyThere() {
		return append(b, '+'), true
	}
	return appendScalar(b, value)
}

func (r *reads) appendMap(b []byte, value map[string]any) (_ []byte, fits bool) {
	b = append(b, '{')
	if r.length {
		b = binary.AppendUvarint(b, uint64(len(value)))
	}
	below := r.below()
	if below == nil {
		for _, name := range r.order {
			field, there := value[name]
			if !there {
				b = append(b, '-')
			} else if b, fits = r.fields[name].append(b, field); !fits {
				return b, false
			}
		}
		return b, true
	}
	b = binary.AppendUvarint(b, uint64(len(value)))
	for _, name := range slices.Sorted(maps.Keys(value)) {
		each := below
		if r.fields[name] != nil {
			each = everything // it is read in two ways
		}
		b = appendText(b, name)
		if b, fits = each.append(b, value[name]); !fits {
			return b, false
		}
	}
	return b, true
}

// appendScalar writes a scalar, or nothing where there is null.
func appendScalar(b []byte, value any) ([]byte, bool) {
	switch value := value.(type) {
	case nil:
		b = append(b, 'n')
	case bool:
		b = append(b, 'f')
		if value {
			b[len(b)-1] = 't'
		}
	case int64:
		b = binary.AppendVarint(append(b, 'i'), value)
	case float64:
		b = binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(value))
	case string:
		b = appendText(append(b, 's'), value)
	default:
		return b, false
	}
	return b, len(b) <= maxKnownSize
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
