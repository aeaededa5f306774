package service

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MarkerOf is the environment entry of a service's processes: unique on the
// machine, since two installations may bear one name in different places.
func MarkerOf(installation, dir, id string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(dir)))
	return Marker + "=" + installation + "/" + id + "#" + hex.EncodeToString(sum[:6])
}

// LogPath is where a service's output goes.
func LogPath(dir string, s Spec) string {
	if s.Log != "" {
		return s.Log
	}
	return filepath.Join(dir, s.ID+".log")
}

// OpenLog opens the log for appending, and returns its present size. The file
// belongs to the service from then on; nothing about it is made durable. A link
// in its place is refused: a directory of the service's account must not lead
// the engine elsewhere.
func OpenLog(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|noFollow, 0o640)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open the log: %w", err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("cannot open the log: %w", err)
	}
	return f, st.Size(), nil
}

// What LastLines looks at and what it gives.
const (
	mostRead  = 64 << 10
	mostLines = 10
	mostBytes = 4 << 10
)

// complaint is a line in which a program says that something went wrong.
var complaint = regexp.MustCompile(`(?i)\b(error|exception|fatal|panic|traceback|cannot|failed)\b`)

// LastLines returns the last lines written to the log since an offset, at most
// ten and 4 KiB, and before them the first one that complains: what follows it
// may be a long account of it. A log that cannot be read has none.
func LastLines(path string, from int64) string {
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return ""
	}
	if st.Size() < from { // rotated
		from = 0
	}
	from = max(from, st.Size()-mostRead)
	b, err := io.ReadAll(io.NewSectionReader(f, from, mostRead))
	if err != nil {
		return ""
	}
	text := strings.TrimRight(strings.ToValidUTF8(string(b), "�"), "\n")
	lines := strings.Split(text[max(0, len(text)-mostBytes):], "\n")
	last := strings.Join(lines[max(0, len(lines)-mostLines):], "\n")
	before, _ := strings.CutSuffix(text, last)
	for line := range strings.Lines(before) {
		if complaint.MatchString(line) {
			return strings.ToValidUTF8(strings.TrimRight(line[:min(len(line), 500)], "\n"), "") + "\n…\n" + last
		}
	}
	return last
}

// Stamp makes an invocation identity of a process.
func Stamp(pid int, start uint64, boot string) string {
	return fmt.Sprintf("%d:%d:%s", pid, start, boot)
}

// Locks serialises the calls for one service in this process.
type Locks struct {
	mu sync.Mutex
	of map[string]*sync.Mutex
}

// Lock locks a service; call the result to unlock it.
func (l *Locks) Lock(id string) func() {
	l.mu.Lock()
	if l.of == nil {
		l.of = map[string]*sync.Mutex{}
	}
	m := l.of[id]
	if m == nil {
		m = &sync.Mutex{}
		l.of[id] = m
	}
	l.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// Earlier returns the shorter of a limit and what is left until a deadline.
func Earlier(limit time.Duration, deadline time.Time, ok bool) time.Duration {
	if left := time.Until(deadline); ok && left < limit {
		return max(left, 0)
	}
	return limit
}

// ParsePIDFile reads the number in the first line of a pid file.
func ParsePIDFile(b []byte) (int, bool) {
	line, _, _ := strings.Cut(string(b[:min(len(b), 100)]), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	return pid, err == nil && pid > 1
}
