package files

import (
	"errors"
	"io"
)

// ReadText gives the text of a manifest as Load reads it: as UTF-8, whatever it is written in,
// without a byte order mark. It fails where Load would not read the file, and where the file is
// larger than limit bytes.
func ReadText(path string, limit int64) ([]byte, error) {
	f, _, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(limit)
	}
	text, bad := charsetOf(data).text(data)
	if bad != nil {
		return nil, errors.New(bad.message)
	}
	return text, nil
}
