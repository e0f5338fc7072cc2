package rollout

import (
	"container/heap"
	"time"
)

// wakeQueue orders entries by when they are due. Its methods keep entry.wake and entry.index.
type wakeQueue struct{ entries wakeHeap }

// set makes an entry due at t; zero: never.
func (q *wakeQueue) set(e *entry, t time.Time) {
	queued := !e.wake.IsZero()
	e.wake = t
	switch {
	case queued && t.IsZero():
		heap.Remove(&q.entries, e.index)
	case queued:
		heap.Fix(&q.entries, e.index)
	case !t.IsZero():
		heap.Push(&q.entries, e)
	}
}

// due takes the entries that are due at now.
func (q *wakeQueue) due(now time.Time) []*entry {
	var out []*entry
	for len(q.entries) > 0 && !q.entries[0].wake.After(now) {
		e := heap.Pop(&q.entries).(*entry)
		e.wake = time.Time{}
		out = append(out, e)
	}
	return out
}

// next is when the first entry is due; zero: none is.
func (q *wakeQueue) next() time.Time {
	if len(q.entries) == 0 {
		return time.Time{}
	}
	return q.entries[0].wake
}

// wakeHeap is a heap for container/heap.
type wakeHeap []*entry

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wake.Before(h[j].wake) }
func (h wakeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push appends an entry.
func (h *wakeHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop removes the last entry.
func (h *wakeHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
