// Package register is the register of holds that outlive their run: a file for
// each in the state folder, which is there before anything is changed, and is
// taken away when the value of before is back.
//
// It may import the model, internal/durable, internal/service,
// internal/step/service and internal/step/record/setting.
package register

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	svc "upkeep/internal/service"
	"upkeep/internal/step/record/setting"
	"upkeep/internal/step/service"
)

// format is that of the files.
const format = 1

// Entry is a hold of the register.
type Entry struct {
	Format int             `json:"format"` // 1
	ID     string          `json:"id"`     // plan.HoldParams.Target
	Hold   plan.HoldParams `json:"hold"`   // what is held, to what, until when, and how it is read and written
	Was    Values          `json:"was"`    // what it gets back
	Run    string          `json:"run"`    // that holds it
	Step   string          `json:"step"`
	Since  time.Time       `json:"since"` // when the run opened
	// Earlier is the entry of an earlier run that this one has taken over, without
	// that one's own Earlier, and Found is how what it holds was then.
	Earlier *Entry  `json:"earlier,omitempty"`
	Found   *Values `json:"found,omitempty"`
}

// Values is how something was that is held; one of them is there.
type Values struct {
	Service *service.State `json:"service,omitempty"`
	Setting *setting.Value `json:"setting,omitempty"`
	Start   *svc.StartType `json:"start,omitempty"`
}

// String says it in a word.
func (v Values) String() string {
	switch {
	case v.Setting != nil:
		return v.Setting.String()
	case v.Start != nil:
		return v.Start.Mode
	case v.Service == nil:
		return "none"
	case v.Service.Running:
		return "running"
	case v.Service.Inhibited:
		return "stopped, and kept from starting"
	}
	return "stopped"
}

// Encode gives the bytes of the entry's file.
func (e Entry) Encode() ([]byte, error) {
	e.Format = format
	raw, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write the hold %s down: %w", e.ID, err)
	}
	return append(raw, '\n'), nil
}

// decode reads an entry's file.
func decode(raw []byte) (Entry, error) {
	var e Entry
	err := json.Unmarshal(raw, &e)
	switch {
	case err != nil:
		return e, err
	case e.Format != format:
		return e, fmt.Errorf("it has the format %d, this Upkeep knows %d: use the Upkeep that wrote it", e.Format, format)
	case e.ID == "" || e.ID != e.Hold.Target() || e.Hold.Lasts == nil:
		return e, errors.New("it does not say what is held until when")
	}
	return e, nil
}

// Dir is the register's folder in a state folder.
func Dir(state string) string { return filepath.Join(state, "holds") }

func path(state, id string) string { return filepath.Join(Dir(state), id+".json") }

// Raw gives the bytes of an entry's file; nil where there is none.
func Raw(r durable.Reader, state, id string) ([]byte, error) {
	raw, err := r.ReadFile(path(state, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the register of holds: %w", err)
	}
	return raw, nil
}

// Read reads an entry, with its bytes; they are nil where there is none.
func Read(r durable.Reader, state, id string) (Entry, []byte, error) {
	raw, err := Raw(r, state, id)
	if err != nil || raw == nil {
		return Entry{}, nil, err
	}
	e, err := decode(raw)
	if err == nil && e.ID != id {
		err = fmt.Errorf("it is the entry of %s", e.ID)
	}
	if err != nil {
		return e, raw, fmt.Errorf("cannot read %s, which says what is held: %w", path(state, id), err)
	}
	return e, raw, nil
}

// Put makes an entry's file these bytes, or takes it away where they are nil;
// durably.
func Put(w durable.FS, state, id string, raw []byte) error {
	if raw == nil {
		if err := w.Remove(path(state, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot take the hold %s out of the register: %w", id, err)
		}
		return nil
	}
	if err := w.MkdirAll(Dir(state), 0o700); err != nil {
		return fmt.Errorf("cannot make the register of holds: %w", err)
	}
	if err := w.WriteFile(path(state, id), raw, 0o600); err != nil {
		return fmt.Errorf("cannot register the hold %s: %w", id, err)
	}
	return nil
}

// Found is an entry of the register, or why it cannot be read.
type Found struct {
	Entry
	Err error
}

// List gives the register, by id. What cannot be read has an id and an error.
func List(r durable.Reader, state string) ([]Found, error) {
	list, err := r.ReadDir(Dir(state))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the register of holds: %w", err)
	}
	var out []Found
	for _, e := range list {
		id, ok := strings.CutSuffix(e.Name, ".json")
		if !ok || !e.Type.IsRegular() || strings.HasPrefix(id, ".") {
			continue // an interrupted write
		}
		f := Found{}
		if f.Entry, _, f.Err = Read(r, state, id); f.Err != nil {
			f.ID = id
		}
		out = append(out, f)
	}
	return out, nil
}
