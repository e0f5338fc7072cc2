package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/cespare/xxhash/v2"

	"github.com/gateway-cp/gateway-cp/api"
)

// errNotRegular is for pipes, sockets and devices, which are never opened for reading.
var errNotRegular = errors.New("not a regular file")

// openFile opens a regular file. It never blocks on a pipe that somebody puts in its place.
func openFile(path string) (f *os.File, info fs.FileInfo, err error) {
	f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// content is what reading a file gave.
type content struct {
	ref     *fileRef // that of decoded, too
	missing bool     // the file is not there
	stat    stamp
	sum     uint64 // of the bytes
	size    int
	blobs   blobs        // the bytes as Git names them
	problem *api.Problem // when it could not be read
	decoded decoded
}

func (c *content) hasProblems() bool {
	return c.problem != nil || len(c.decoded.problems) > 0 ||
		slices.ContainsFunc(c.decoded.entries, func(e entry) bool { return len(e.problems) > 0 })
}

// readFile reads and decodes a file. Sum and size are those of the version that is known, if
// any: a file with the same bytes in the same place is not decoded again, and changed is false.
func readFile(ref fileRef, limit int64, known *content, visit visitor) (c *content, changed bool) {
	c = &content{ref: &ref}
	data, err := c.read(ref, limit)
	if errors.Is(err, fs.ErrNotExist) {
		c.missing = true
		return c, known != nil
	}
	if err != nil {
		c.problem = unreadable(ref, err, limit)
		same := known != nil && known.problem != nil && *known.problem == *c.problem
		return c, !same
	}
	c.sum, c.size = xxhash.Sum64(data), len(data)
	if known != nil && known.problem == nil && known.sum == c.sum && known.size == c.size && known.ref.real == ref.real {
		c.decoded, c.blobs = known.decoded, known.blobs
		return c, false
	}
	c.decoded = decode(c.ref, data, visit)
	if !visit.once {
		c.blobs = blobsOf(data)
	}
	return c, true
}

// readAll reads files, several at a time, and gives those that differ from the known ones.
// Visit is called by several goroutines.
func readAll(files map[string]fileRef, limit int64, known map[string]*content, visit visitor) map[string]*content {
	r := newReading(limit, known, visit)
	for _, ref := range files {
		r.add(ref)
	}
	return r.done()
}

// reading is files being read, several at a time, while others are still looked for.
type reading struct {
	limit int64
	known map[string]*content
	visit visitor

	waiting chan fileRef
	readers int
	group   sync.WaitGroup

	mu      sync.Mutex
	changes map[string]*content
}

// waitingFiles is how many files may wait to be read. Finding one takes a small part of the time that
// reading it does, and to hand over each by itself would take more than that.
const waitingFiles = 1024

func newReading(limit int64, known map[string]*content, visit visitor) *reading {
	return &reading{
		limit: limit, known: known, visit: visit,
		waiting: make(chan fileRef, waitingFiles), changes: make(map[string]*content),
	}
}

// add has a file read soon.
func (r *reading) add(ref fileRef) {
	if r.readers < runtime.GOMAXPROCS(0) {
		r.readers++
		r.group.Go(r.read)
	}
	r.waiting <- ref
}

// done waits until all is read, and gives what differs from what is known.
func (r *reading) done() map[string]*content {
	close(r.waiting)
	r.group.Wait()
	return r.changes
}

func (r *reading) read() {
	for ref := range r.waiting {
		had := r.known[ref.name]
		c, changed := readFile(ref, r.limit, had, r.visit)
		r.mu.Lock()
		if changed {
			r.changes[ref.name] = c
		} else if had != nil {
			had.stat = c.stat
		}
		r.mu.Unlock()
	}
}

type tooLarge int64

func (t tooLarge) Error() string { return fmt.Sprintf("file is larger than %d bytes", int64(t)) }

func (c *content) read(ref fileRef, limit int64) ([]byte, error) {
	if ref.data != nil {
		return ref.data, nil
	}
	f, info, err := openFile(ref.real)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c.stat = stampOf(info)
	if info.Size() > limit {
		return nil, tooLarge(limit)
	}
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if int64(len(data)) > limit {
			return nil, tooLarge(limit)
		}
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

func unreadable(ref fileRef, err error, limit int64) *api.Problem {
	p := &api.Problem{
		Reason: api.ReasonFileUnreadable, Severity: api.Error, Message: "cannot be read: " + cause(err),
		Hint: "check that it is there and its permissions", Position: api.Position{File: ref.name},
	}
	if errors.Is(err, errNotRegular) {
		p.Message, p.Hint = "is not a regular file, and was not opened", "read a pipe with -, as standard input"
	}
	if errors.As(err, new(tooLarge)) {
		p.Reason = api.ReasonFileTooLarge
		p.Message = fmt.Sprintf("is larger than %d MiB and was not read", limit>>20)
		p.Hint = "split it, or move it out of the folder"
	}
	return p
}

// cause leaves out the path of an error, which is in the problem's position already.
func cause(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
