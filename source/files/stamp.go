package files

import (
	"io/fs"
	"time"
)

// stamp tells versions of a file apart without reading it.
type stamp struct {
	size    int64
	mode    fs.FileMode
	mtime   time.Time
	inode   uint64
	changed int64 // ctime in nanoseconds
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mode: info.Mode(), mtime: info.ModTime()}
	s.inode, s.changed = inodeOf(info)
	return s
}
