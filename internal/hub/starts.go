package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
)

// keyLasts is how long a start is remembered by its key.
const keyLasts = 48 * time.Hour

// keyMost bounds a key, in bytes.
const keyMost = 255

// Starts remembers starts by the keys that machines give them: who has lost the
// answer asks again, and gets the run that was started.
type Starts struct {
	folder Folder
	now    func() time.Time

	mu    sync.Mutex
	under map[string]bool
}

// NewStarts remembers in a folder.
func NewStarts(folder Folder, now func() time.Time) *Starts {
	return &Starts{folder: folder, now: now, under: map[string]bool{}}
}

// started is what is remembered: written before the start, and with its run
// behind it.
type started struct {
	Sum string    `json:"sum"` // of what was asked
	At  time.Time `json:"at"`
	Run string    `json:"run,omitempty"`
}

// once has a start that bears a key happen once. If the run was not written down
// any more, because the hub was killed, it is looked for in the history.
func (s *Server) once(start func(context.Context, string, ask.Yes) (ask.Started, error)) func(context.Context, string, ask.Yes) (ask.Started, error) {
	return func(ctx context.Context, by string, y ask.Yes) (ask.Started, error) {
		key := y.Key
		y.Key = ""
		if key == "" {
			return start(ctx, by, y)
		}
		name, give, err := s.take(by, key)
		if err != nil {
			return ask.Started{}, err
		}
		defer give()
		was, again, err := s.starts.begin(name, startSum(y))
		if err == nil && again && was.Run == "" {
			was.Run, err = s.opened(ctx, by, y, was.At)
		}
		if err != nil || was.Run != "" {
			return ask.Started{Run: was.Run}, err
		}
		out, err := start(ctx, by, y)
		if err == nil {
			was.Run = out.Run
			if err := s.starts.write(name, was); err != nil {
				s.log.Warn("a start that was asked for with a key is found by its run alone", "why", err)
			}
		}
		return out, err
	}
}

// take has nobody else start with the key meanwhile.
func (s *Server) take(by, key string) (name string, give func(), err error) {
	switch {
	case s.starts == nil:
		return "", nil, &ask.Error{Kind: ask.Invalid, Text: "this hub remembers no keys: start without one"}
	case len(key) > keyMost:
		return "", nil, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("a key has at most %d bytes", keyMost)}
	}
	name = startSum(by, key)
	if !s.starts.take(name) {
		return "", nil, &ask.Error{Kind: ask.Busy, Text: "a start with this key is under way: ask again in a moment"}
	}
	return name, func() { s.starts.give(name) }, nil
}

// opened looks for the run of a start: the first one since.
func (s *Server) opened(ctx context.Context, by string, y ask.Yes, since time.Time) (string, error) {
	list, err := s.engine.Runs(ctx, ask.RunsQuery{Installation: y.Installation, Limit: 100})
	if err != nil {
		return "", err
	}
	for _, row := range slices.Backward(list.Rows) {
		if row.By != by || row.Opened.Before(since.Truncate(time.Second)) {
			continue
		}
		r, err := s.engine.Run(ctx, ask.RunQuery{Installation: y.Installation, Run: row.ID})
		if err != nil {
			return "", err
		}
		if r.Digest == y.Digest {
			return r.ID, nil
		}
	}
	return "", nil
}

func startSum(parts ...any) string {
	raw, _ := json.Marshal(parts) // strings and maps of them
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func (k *Starts) take(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.under[name] {
		return false
	}
	k.under[name] = true
	return true
}

func (k *Starts) give(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.under, name)
}

// begin writes down that a start begins, or gives what is known of one with the
// key that began already.
func (k *Starts) begin(name, sum string) (was started, again bool, err error) {
	now := k.now()
	raw, err := k.folder.Read(name)
	if err == nil {
		if err := json.Unmarshal(raw, &was); err != nil {
			return was, false, fmt.Errorf("what is kept of the start with this key cannot be read: use another key: %w", err)
		}
		if now.Sub(was.At) < keyLasts {
			if was.Sum != sum {
				return was, false, &ask.Error{Kind: ask.Invalid, Text: "this key was used for another start: use a new one for each"}
			}
			return was, true, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return was, false, fmt.Errorf("cannot look for a start with this key: %w", err)
	}
	was = started{Sum: sum, At: now.UTC()}
	if err := k.write(name, was); err != nil {
		return was, false, fmt.Errorf("cannot remember the start by its key; nothing was started: %w", err)
	}
	k.forget(now)
	return was, false, nil
}

func (k *Starts) write(name string, s started) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return k.folder.Write(name, raw)
}

// forget removes what nobody can ask for any more.
func (k *Starts) forget(now time.Time) {
	names, _ := k.folder.Names() // next time
	for _, name := range names {
		var was started
		if raw, err := k.folder.Read(name); err == nil && (json.Unmarshal(raw, &was) != nil || now.Sub(was.At) >= keyLasts) {
			_ = k.folder.Remove(name) // likewise
		}
	}
}
