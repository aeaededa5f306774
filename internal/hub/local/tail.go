package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// chunk is how much of a file is read at a time.
const chunk = 1 << 20

// tail reads a growing file line by line, from a place on.
type tail struct {
	path string
	at   int64 // behind the last whole line that was read
	size int64 // of the file, when it was read last
	err  error // of the last reading; a file that is not there yet is none
}

// skipTo goes to a place; a negative one is so many bytes before the end, and then
// to the beginning of the next line.
func (t *tail) skipTo(at int64) {
	if t.at = max(at, 0); at >= 0 {
		return
	}
	info, err := os.Stat(t.path)
	if err != nil || info.Size() <= -at {
		return
	}
	t.at = info.Size() + at - 1 // if that is the end of a line, the next one is whole
	t.next(false)
}

// lines gives the whole lines behind the place, at most a chunk of them.
func (t *tail) lines() []string { return t.next(true) }

// next reads on: all whole lines of a chunk, or one that is thrown away.
func (t *tail) next(all bool) []string {
	raw := t.read()
	end := bytes.LastIndexByte(raw, '\n')
	if !all {
		end = bytes.IndexByte(raw, '\n')
	}
	if end < 0 {
		if len(raw) < chunk {
			return nil // the line is still being written
		}
		end = len(raw) - 1 // one that is longer than a chunk comes in pieces
	}
	t.at += int64(end) + 1
	if !all {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(raw[:end+1]), "\n"), "\n")
}

func (t *tail) read() []byte {
	t.err = nil
	f, err := os.Open(t.path)
	if err == nil {
		defer f.Close()
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil {
			t.size = info.Size()
			raw := make([]byte, max(0, min(chunk, t.size-t.at)))
			var n int
			n, err = f.ReadAt(raw, t.at)
			if err == nil || errors.Is(err, io.EOF) {
				return raw[:n]
			}
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.err = fmt.Errorf("cannot read on in %s: %w", t.path, err)
	}
	return nil
}
