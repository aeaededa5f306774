package manage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// EventKind is the kind of an event.
type EventKind string

// The kinds of events.
const (
	EventBegan    EventKind = "began"
	EventProgress EventKind = "progress"
	EventEnded    EventKind = "ended"
	EventNote     EventKind = "note"
	EventLine     EventKind = "line" // a line of output of a step's child
)

// Event is what a running engine tells those who watch. Events are for eyes
// only: the journal holds what is true.
type Event struct {
	At       time.Time      `json:"at"`
	Kind     EventKind      `json:"kind"`
	Step     string         `json:"step,omitempty"`
	Dir      run.Direction  `json:"dir,omitempty"`
	Again    bool           `json:"again,omitempty"`
	Progress *step.Progress `json:"progress,omitempty"`
	Ended    *run.Ended     `json:"ended,omitempty"`
	Text     string         `json:"text,omitempty"`
}

// eventLog is the engine's observer: events for those who attach, and the
// run's log for people, both as plain files that outlive every process.
type eventLog struct {
	mu      sync.Mutex
	events  *os.File
	log     *os.File
	step    string
	last    time.Time // of the latest progress event: they are thinned out
	late    *Event    // progress that waits for its time: the latest is never lost
	partial []byte
	began   func(plan.Step, run.Direction)            // told too, when set
	ended   func(plan.Step, run.Direction, run.Ended) // likewise
}

// progressEvery bounds how often progress is written down.
const progressEvery = 100 * time.Millisecond

func newEventLog(dir string) (*eventLog, error) {
	l := &eventLog{}
	var err error
	if l.events, err = os.OpenFile(dir+"/events.jsonl", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("cannot open the run's events: %w", err)
	}
	if l.log, err = os.OpenFile(dir+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		l.events.Close()
		return nil, fmt.Errorf("cannot open the run's log: %w", err)
	}
	return l, nil
}

func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = nil
	l.events.Close()
	l.log.Close()
}

// emit writes an event; what cannot be written (a full disk) is lost without
// harm, since nothing depends on events.
func (l *eventLog) emit(e Event) {
	e.At = time.Now().UTC()
	raw, err := json.Marshal(e)
	if err != nil {
		return
	}
	l.events.Write(append(raw, '\n'))
}

func (l *eventLog) line(format string, a ...any) {
	fmt.Fprintf(l.log, "%s %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), fmt.Sprintf(format, a...))
}

// Began implements engine.Observer.
func (l *eventLog) Began(s plan.Step, dir run.Direction, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step = s.ID
	l.emit(Event{Kind: EventBegan, Step: s.ID, Dir: dir, Again: again})
	if l.began != nil {
		l.began(s, dir)
	}
	what := "begin"
	if again {
		what = "again"
	}
	title := s.Title
	if dir == run.Undo && s.Back != "" {
		title = s.Back
	}
	l.line("%s %s %s: %s", what, dir, s.ID, title)
}

// Progress implements engine.Observer.
func (l *eventLog) Progress(s plan.Step, p step.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := Event{Kind: EventProgress, Step: s.ID, Progress: &p}
	if now := time.Now(); now.Sub(l.last) >= progressEvery || p.Total > 0 && p.Done == p.Total {
		l.last, l.late = now, nil
		l.emit(e)
		return
	}
	if l.late == nil {
		time.AfterFunc(progressEvery, l.tellLate)
	}
	l.late = &e
}

// tellLate writes the progress that came too soon after another, unless its step
// has ended since: what it tells of may go on for an hour.
func (l *eventLog) tellLate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.late != nil {
		l.emit(*l.late)
		l.last, l.late = time.Now(), nil
	}
}

// Ended implements engine.Observer.
func (l *eventLog) Ended(s plan.Step, dir run.Direction, e run.Ended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	l.late = nil
	l.emit(Event{Kind: EventEnded, Step: s.ID, Dir: dir, Ended: &e})
	if l.ended != nil {
		l.ended(s, dir, e)
	}
	switch {
	case e.OK:
		l.line("ended %s %s in %s: %s", dir, s.ID, e.Took.Round(time.Millisecond), e.Evidence)
	default:
		l.line("FAILED %s %s after %s: %s", dir, s.ID, e.Took.Round(time.Millisecond), e.Error)
	}
}

// Note implements engine.Observer.
func (l *eventLog) Note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emit(Event{Kind: EventNote, Text: text})
	l.line("%s", text)
}

// Log implements engine.Observer.
func (l *eventLog) Log() io.Writer { return (*childLog)(l) }

// childLog takes the output of a step's children.
type childLog eventLog

// Write implements io.Writer.
func (c *childLog) Write(b []byte) (int, error) {
	l := (*eventLog)(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := b
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.partial = append(l.partial, rest...)
			if len(l.partial) > 64<<10 {
				l.flush()
			}
			return len(b), nil
		}
		l.partial = append(l.partial, rest[:i]...)
		rest = rest[i+1:]
		l.flush()
	}
}

// flush writes the line that has come in so far.
func (l *eventLog) flush() {
	if len(l.partial) == 0 {
		return
	}
	text := string(l.partial)
	l.partial = l.partial[:0]
	l.line("  | %s", text)
	if now := time.Now(); now.Sub(l.last) >= progressEvery/4 {
		l.last = now
		l.emit(Event{Kind: EventLine, Step: l.step, Text: text})
	}
}

// follow reads events from the file at path as they are written, from the
// given offset, until more says that none will come. It gives the offset
// where it stopped.
func follow(ctx context.Context, path string, from int64, more func() bool, sink func(Event)) (int64, error) {
	f, err := os.Open(path)
	for errors.Is(err, os.ErrNotExist) && more() {
		if !sleep(ctx, 20*time.Millisecond) {
			return from, context.Cause(ctx)
		}
		f, err = os.Open(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return from, nil // its engine ended before it told anything
	}
	if err != nil {
		return from, fmt.Errorf("cannot follow the run: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return from, fmt.Errorf("cannot follow the run: %w", err)
	}
	r := bufio.NewReader(f)
	var line []byte
	for {
		alive := more()
		part, err := r.ReadBytes('\n')
		line = append(line, part...)
		if err == nil {
			from += int64(len(line))
			var e Event
			if json.Unmarshal(line, &e) == nil {
				sink(e)
			}
			line = line[:0]
			continue
		}
		if !errors.Is(err, io.EOF) {
			return from, fmt.Errorf("cannot follow the run: %w", err)
		}
		if !alive {
			return from, nil
		}
		if !sleep(ctx, 25*time.Millisecond) {
			return from, context.Cause(ctx)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// doing reads from the end of a run's events what the step under way has said
// last, and when it is expected to end. Nothing depends on it: what cannot be
// read is not known.
func doing(dir string) (text string, until time.Time) {
	f, err := os.Open(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return "", time.Time{}
	}
	defer f.Close()
	const end = 64 << 10
	if info, err := f.Stat(); err == nil && info.Size() > end {
		if _, err := f.Seek(-end, io.SeekEnd); err != nil {
			return "", time.Time{}
		}
	}
	lines := bufio.NewScanner(io.LimitReader(f, end))
	lines.Buffer(nil, end)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // cut off at the beginning
		}
		switch e.Kind {
		case EventBegan, EventEnded:
			text, until = "", time.Time{}
		case EventProgress:
			text, until = e.Progress.Line, e.Progress.Until
		}
	}
	return text, until
}
