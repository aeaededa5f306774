package install

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// memo is what Prepare found.
type memo struct {
	At      raw      `json:"at"`
	Staging raw      `json:"staging"`
	OldRoot raw      `json:"oldRoot"` // At, or what the link there led to
	Old     identity `json:"old"`     // of the live tree's root; zero: there was none
	New     identity `json:"new"`     // of the staged tree's root

	Link      bool `json:"link,omitempty"` // At is a symbolic link
	OldTarget raw  `json:"oldTarget,omitzero"`
	NewTarget raw  `json:"newTarget,omitzero"`

	Moves []move `json:"moves,omitempty"` // of kept paths, in order
	Dirs  []dir  `json:"dirs,omitempty"`  // made for them

	Copies   []copied `json:"copies,omitempty"`   // of edited files
	CopyDirs []raw    `json:"copyDirs,omitempty"` // made for them, relative, parents first
}

// move is files.Move in JSON.
type move struct {
	From     raw      `json:"from"`
	To       raw      `json:"to"`
	Identity identity `json:"identity"`
}

// dir is the part of a files.Entry that a directory needs.
type dir struct {
	Path   raw               `json:"path"`
	Mode   uint32            `json:"mode"`
	UID    uint32            `json:"uid"`
	GID    uint32            `json:"gid"`
	MTime  int64             `json:"mtime"`
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
}

// copied is a file of the old tree and its copy in the new one; relative paths.
type copied struct {
	From raw `json:"from"`
	To   raw `json:"to"`
}

// identity tells one directory from another, whatever it is called.
type identity struct {
	Dev uint64 `json:"dev,omitempty"`
	Ino uint64 `json:"ino,omitempty"`
}

func identityOf(i durable.Info) identity { return identity{i.Dev, i.Ino} }

// is compares the inode alone: after a reboot a device may have another number,
// and all that an exchange moves lies on one.
func (id identity) is(now identity) bool { return id.Ino == now.Ino }

func (id identity) some() bool { return id != identity{} }

// raw is a path, which may be any bytes: what is no UTF-8 is written as bytes.
type raw struct{ text string }

func rawOf(path string) raw { return raw{path} }

func (r raw) path() string { return r.text }

// IsZero is for omitzero.
func (r raw) IsZero() bool { return r.text == "" }

func (r raw) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(r.text) {
		return json.Marshal(r.text)
	}
	return json.Marshal(struct {
		Bytes []byte `json:"bytes"`
	}{[]byte(r.text)})
}

func (r *raw) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &r.text)
	}
	var v struct{ Bytes []byte }
	err := json.Unmarshal(b, &v)
	r.text = string(v.Bytes)
	return err
}

func open(s plan.Step, b step.Memo) (*memo, error) {
	m := &memo{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	return m, nil
}

// keep notes the plan of what is carried over.
func (m *memo) keep(c files.Carry) {
	for _, v := range c.Moves {
		m.Moves = append(m.Moves, move{rawOf(v.From), rawOf(v.To), identity{v.Dev, v.Ino}})
	}
	for _, d := range c.Dirs {
		m.Dirs = append(m.Dirs, dir{rawOf(d.Path), d.Mode, d.UID, d.GID, d.MTime, d.Xattrs})
	}
}

// carry gives the plan back.
func (m *memo) carry() files.Carry {
	c := files.Carry{Into: m.Staging.path()}
	for _, v := range m.Moves {
		c.Moves = append(c.Moves, files.Move{From: v.From.path(), To: v.To.path(), Dev: v.Identity.Dev, Ino: v.Identity.Ino})
	}
	for _, d := range m.Dirs {
		c.Dirs = append(c.Dirs, files.Entry{Path: d.Path.path(), Type: files.Dir, Mode: d.Mode, UID: d.UID, GID: d.GID, MTime: d.MTime, Xattrs: d.Xattrs})
	}
	return c
}

// newRoot is where the new tree lies when it is live, and when it is not.
func (m *memo) newRoot(live bool) string {
	if live && !m.Link {
		return m.At.path()
	}
	return m.Staging.path()
}
