package files

import "io/fs"

// stamp tells versions of a file apart without reading it.
type stamp struct {
	size    int64
	mode    fs.FileMode
	mtime   int64 // in nanoseconds
	inode   uint64
	changed int64 // ctime in nanoseconds
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mode: info.Mode(), mtime: info.ModTime().UnixNano()}
	s.inode, s.changed = inodeOf(info)
	return s
}
