package manage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/step"
)

// ErrandKind is what an errand is for.
type ErrandKind string

// The kinds of errands.
const (
	ErrandCreate  ErrandKind = "create"  // make a restore point
	ErrandVerify  ErrandKind = "verify"  // read one whole, and compare it
	ErrandRestore ErrandKind = "restore" // put one back
	ErrandMend    ErrandKind = "mend"    // carry a remedy out
)

// Errand is work outside of a run that somebody asks for and does not wait for:
// a process of its own does it, which neither the face nor the hub takes down
// with it. An installation has one at a time.
type Errand struct {
	ID      string     `json:"id"`
	Kind    ErrandKind `json:"kind"`
	By      string     `json:"by"`
	From    string     `json:"from,omitempty"`  // bundles, where Upkeep does not know the product yet
	Point   string     `json:"point,omitempty"` // verify, restore
	Only    []string   `json:"only,omitempty"`  // restore
	Seen    string     `json:"seen,omitempty"`  // restore: Outlook.Sum of what was agreed to
	Note    string     `json:"note,omitempty"`  // create
	Symptom string     `json:"symptom,omitempty"`
	Remedy  string     `json:"remedy,omitempty"` // mend: Remedy.Sum of what was agreed to
}

// ErrandState is how far the latest errand is.
type ErrandState struct {
	Errand
	Began   time.Time
	Ended   time.Time // zero: it is under way, or was interrupted
	Process int       // that does it; 0: none does
	Stage   string    // said last
	Done    int64     // bytes
	Total   int64     // of about so many; 0: it cannot be told
	Part    string
	Lines   []string // of what a remedy's command has printed, the last ones
	Made    string   // create: the restore point
	Still   string   // mend: the symptom is there after it; how it reads
	Error   string   // it failed: why
}

// Interrupted says that its process has ended before the errand had.
func (s *ErrandState) Interrupted() bool { return s.Process == 0 && s.Ended.IsZero() }

// errandLine is a line of the file that tells of the latest errand.
type errandLine struct {
	At     time.Time `json:"at"`
	Errand *Errand   `json:"errand,omitempty"` // the first line
	Stage  string    `json:"stage,omitempty"`
	Line   string    `json:"line,omitempty"`
	Done   int64     `json:"done,omitempty"`
	Total  int64     `json:"total,omitempty"`
	Part   string    `json:"part,omitempty"`
	Made   string    `json:"made,omitempty"`
	Still  string    `json:"still,omitempty"`
	Over   bool      `json:"over,omitempty"` // the last line
	Error  string    `json:"error,omitempty"`
}

func (in *Installation) errandPath() string     { return filepath.Join(in.State, "errand.jsonl") }
func (in *Installation) errandLockPath() string { return filepath.Join(in.State, "errand.lock") }

// ErrandBusyError says that another errand is under way.
type ErrandBusyError struct {
	Kind ErrandKind
	By   string
	PID  int
}

func (e *ErrandBusyError) Error() string {
	who := ""
	if e.By != "" {
		who = fmt.Sprintf(" (%s, for %s)", e.Kind, e.By)
	}
	return fmt.Sprintf("another piece of work is under way on this installation%s, process %d: wait until it is over, then try again", who, e.PID)
}

// errandStarts is how long an errand's process may take to begin.
const errandStarts = 30 * time.Second

// Send has a process of its own do an errand, and gives its name once that
// process has begun. What comes of it, LastErrand tells.
func (in *Installation) Send(ctx context.Context, e Errand) (string, error) {
	if held := holder(in.errandLockPath()); held != 0 {
		return "", in.errandBusy(held)
	}
	e.ID = time.Now().UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:4])
	raw, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(in.Exe, "errand", "--installation", in.Path)
	cmd.Stdin, cmd.SysProcAttr, cmd.Dir = bytes.NewReader(raw), detached(), "/"
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the state folder: %w", err)
	}
	// no pipe: who reads it may go
	out, err := os.OpenFile(filepath.Join(in.State, "errand.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("cannot start the work: %w", err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("cannot start the work: %w", err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	for until := time.Now().Add(errandStarts); time.Now().Before(until); {
		if s, err := in.LastErrand(); err == nil && s != nil && s.ID == e.ID {
			return e.ID, nil
		}
		select {
		case err := <-gone:
			if s, _ := in.LastErrand(); s != nil && s.ID == e.ID {
				return e.ID, nil // it was short
			}
			if held := holder(in.errandLockPath()); held != 0 {
				return "", in.errandBusy(held)
			}
			said, _ := os.ReadFile(out.Name())
			return "", fmt.Errorf("the work did not begin, and nothing was done: %s (%v; see %s)", strings.TrimSpace(string(said)), err, out.Name())
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("the work (process %d) did not begin within %s", cmd.Process.Pid, errandStarts)
}

func (in *Installation) errandBusy(held int) *ErrandBusyError {
	e := &ErrandBusyError{PID: held}
	if s, err := in.LastErrand(); err == nil && s != nil && s.Process == held {
		e.Kind, e.By = s.Kind, s.By
	}
	return e
}

// errandLinesMost is how many lines of a command are told.
const errandLinesMost = 200

// LastErrand tells of the errand that is under way, or was the last; nil: there
// was none.
func (in *Installation) LastErrand() (*ErrandState, error) {
	held := holder(in.errandLockPath()) // before the file: what ends in between has its last line there
	raw, err := os.ReadFile(in.errandPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell what work was done last: %w", err)
	}
	return errandState(raw, held), nil
}

// errandState folds the lines of the file; nil where it does not say which errand
// it is of. A line that was cut off is none.
func errandState(raw []byte, held int) *ErrandState {
	var s *ErrandState
	for text := range bytes.Lines(raw) {
		var l errandLine
		if json.Unmarshal(text, &l) != nil {
			continue
		}
		if l.Errand != nil {
			s = &ErrandState{Errand: *l.Errand, Began: l.At, Process: held}
		}
		switch {
		case s == nil:
		case l.Over:
			s.Ended, s.Error, s.Made, s.Still, s.Process = l.At, l.Error, l.Made, l.Still, 0
		case l.Stage != "":
			s.Stage, s.Done, s.Total, s.Part = l.Stage, 0, 0, ""
		case l.Total > 0:
			s.Done, s.Total, s.Part = l.Done, l.Total, l.Part
		case l.Line != "":
			if s.Lines = append(s.Lines, l.Line); len(s.Lines) > errandLinesMost {
				s.Lines = s.Lines[1:]
			}
		}
	}
	return s
}

// errandFile is the file as the errand's process writes it. It is for people: once
// its first line is there, what cannot be written stops nothing.
type errandFile struct {
	file *os.File
	last time.Time // of the progress that was written last
}

func (f *errandFile) tell(l errandLine) error {
	l.At = time.Now().UTC()
	raw, err := json.Marshal(l)
	if err == nil {
		_, err = f.file.Write(append(raw, '\n'))
	}
	return err
}

func (f *errandFile) stage(text string) { _ = f.tell(errandLine{Stage: text}) }

// progress is thinned out; the last of a part is never lost.
func (f *errandFile) progress(done, total int64, part string) {
	if now := time.Now(); done >= total || now.Sub(f.last) >= progressEvery {
		f.last = now
		_ = f.tell(errandLine{Done: done, Total: total, Part: part})
	}
}

// Write takes the lines that a command prints.
func (f *errandFile) Write(line []byte) (int, error) {
	text := bytes.TrimRight(line, "\r\n")
	_ = f.tell(errandLine{Line: string(text[bytes.LastIndexByte(text, '\r')+1:])})
	return len(line), nil
}

// DoErrand does an errand in this process; it is the body of the errand's own
// process. What comes of it stands in the state folder.
func (in *Installation) DoErrand(ctx context.Context, e Errand) error {
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	l, held, err := takeLock(in.errandLockPath())
	if err != nil {
		return err
	}
	if held != 0 {
		return in.errandBusy(held)
	}
	defer l.release()
	in.errandScope(ctx, e)
	file, err := os.OpenFile(in.errandPath(), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot tell of the work: %w", err)
	}
	defer file.Close()
	f := &errandFile{file: file}
	if err := f.tell(errandLine{Errand: &e}); err != nil {
		return fmt.Errorf("cannot tell of the work, so it is not begun: %w", err)
	}
	end := errandLine{Over: true}
	switch e.Kind {
	case ErrandCreate:
		var made *Created
		f.stage("making the restore point")
		if made, err = in.CreatePoint(ctx, Create{From: e.From, Note: e.Note, Progress: f.progress}); err == nil {
			end.Made = made.ID
		}
	case ErrandVerify:
		f.stage("reading the restore point, all of it")
		_, err = in.VerifyPoint(ctx, e.Point, f.progress)
	case ErrandRestore:
		err = in.RestorePoint(ctx, Restore{Point: e.Point, From: e.From, Only: e.Only, Agreed: e.Seen, Progress: f.progress}, f.stage)
	case ErrandMend:
		end.Still, err = in.mend(ctx, e, f)
	default:
		err = &step.UserError{Msg: fmt.Sprintf("%q is nothing that is done outside of a run", e.Kind)}
	}
	if err != nil {
		end.Error = err.Error()
	}
	_ = f.tell(end)
	return nil
}
