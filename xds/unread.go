package xds

import (
	"sync"
	"time"

	"google.golang.org/grpc/mem"
)

// unread watches over the responses of a stream that its client does not read. gRPC takes a
// response of any size and keeps it for as long as the windows of the client are full, also when
// it is the last one and nothing has to wait behind it. So each ends with a buffer of this pool,
// which gRPC gives back when the response has left. It is safe for concurrent use.
type unread struct {
	patience time.Duration
	tooLong  *time.Timer // fires when there are some and none has left for as long as patience

	mu      sync.Mutex
	waiting int // responses that have not left
}

func newUnread(patience time.Duration) *unread {
	u := &unread{patience: patience, tooLong: time.NewTimer(patience)}
	u.tooLong.Stop()
	return u
}

// begin notes a response that is handed to gRPC.
func (u *unread) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting++; u.waiting == 1 {
		u.tooLong.Reset(u.patience)
	}
}

// end is the end of every response. It is empty, but has room: those without much are not given back.
var end = make([]byte, 0, 16<<10)

// end is a buffer to put behind everything else of a response.
func (u *unread) end() mem.Buffer { return mem.NewBuffer(&end, u) }

// Put notes that a response has left.
func (u *unread) Put(*[]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting--; u.waiting > 0 {
		u.tooLong.Reset(u.patience)
	} else {
		u.tooLong.Stop()
	}
}

// Get makes a buffer. A pool must have it; there is no need for others than the end.
func (u *unread) Get(length int) *[]byte {
	b := make([]byte, length)
	return &b
}
