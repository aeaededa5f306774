package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/files"
	"upkeep/internal/site"
)

// Format is the version of the record.
const Format = 1

// About is what the restore point is of; it is for people and for the journal.
type About struct {
	Product string `json:"product,omitempty"`
	Version string `json:"version,omitempty"`
	Run     string `json:"run,omitempty"`
	Node    string `json:"node,omitempty"`
	Note    string `json:"note,omitempty"`
	// Timer: nobody asked for it but a timer.
	Timer bool `json:"timer,omitempty"`
}

// Consistency says what of the product was at rest.
type Consistency string

// AtRest: nothing wrote while the point was made, or it would have failed.
// Live: each database is of one moment, files and databases are not of the same.
const (
	AtRest Consistency = "at rest"
	Live   Consistency = "live"
)

// Point is the record of a restore point (restore-point.json).
type Point struct {
	Format      int         `json:"format"`
	ID          string      `json:"id"`
	Engine      string      `json:"engine"`
	About       About       `json:"about"`
	Began       time.Time   `json:"began"` // of Finish
	Made        time.Time   `json:"made"`  // everything was read back
	Consistency Consistency `json:"consistency"`
	// Encrypted names the keys that the stored files were encrypted for.
	Encrypted []string `json:"encrypted,omitempty"`
	Parts     []Part   `json:"parts"`
	// Replaced names files of parts that were made anew, which are to be removed.
	Replaced []string `json:"replaced,omitempty"`
	// Seal is the SHA-256 of the record with an empty seal.
	Seal string `json:"seal"`

	// Broken says why the record cannot be read; List only.
	Broken string `json:"-"`
}

// Part is a tree, a file or a database.
type Part struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"` // "files", or the kind of database
	Path    string   `json:"path,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	Include []string `json:"include,omitempty"`
	Stored  []Stored `json:"stored"` // files of the restore point
	Entries int      `json:"entries,omitempty"`
	Bytes   int64    `json:"bytes"` // of content, uncompressed
	// Digest is files.Digest of the tree.
	Digest string `json:"digest,omitempty"`
	// Content is the SHA-256 of the dump, uncompressed.
	Content string           `json:"content,omitempty"`
	Dump    *database.Report `json:"dump,omitempty"`
	LeftOut []string         `json:"left_out,omitempty"`
	Proof   *Proof           `json:"proof,omitempty"`
}

// Proof says by what it is known that a part can be restored, and when that was
// found.
type Proof struct {
	By   string        `json:"by"` // one of the By values
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took_ns"`
}

// What proves a part.
const (
	// ByRestoring: the dump was restored into a scratch database, whose definitions
	// and rows were those of the dump's own moment.
	ByRestoring = "restored and compared"
	// ByReading: everything that is stored was read back; of files each one's
	// content, owner, mode, times and attributes were compared.
	ByReading = "read back and compared"
)

// Stored is one file of the restore point.
type Stored struct {
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	Path   string `json:"path,omitempty"` // within a snapshot
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Encrypted says whether it is encrypted with age.
func (s Stored) Encrypted() bool { return strings.HasSuffix(s.Name, ".age") }

// Role is what a stored file is for.
type Role string

// The roles of stored files.
const (
	Base     Role = "base"     // tar.zst of the first pass
	Delta    Role = "delta"    // tar.zst of what changed since
	Removed  Role = "removed"  // names to remove between the two, each ended by a NUL
	Manifest Role = "manifest" // description of the tree
	Dump     Role = "dump"     // zst of the dump
	Globals  Role = "globals"  // zst of roles and tablespaces, for people
	Snapshot Role = "snapshot" // restic: a snapshot with the files
)

// Part gives a part by name.
func (p Point) Part(name string) (Part, error) {
	for _, part := range p.Parts {
		if part.Name == name {
			return part, nil
		}
	}
	return Part{}, fmt.Errorf("%w: restore point %s has no part %q", ErrNotFound, p.ID, name)
}

// File gives the stored file of a role.
func (p Part) File(role Role) (Stored, bool) {
	for _, s := range p.Stored {
		if s.Role == role {
			return s, true
		}
	}
	return Stored{}, false
}

// Description gives the tree that a part of files describes, from its manifest as
// read gives it.
func (p Part) Description(read func(Stored) ([]byte, error)) (files.Tree, error) {
	stored, ok := p.File(Manifest)
	if !ok {
		return files.Tree{}, fmt.Errorf("%w: part %s has no manifest", ErrDamaged, p.Name)
	}
	text, err := read(stored)
	if err != nil {
		return files.Tree{}, err
	}
	tree, err := files.ParseManifest(bytes.NewReader(text))
	if err != nil {
		return files.Tree{}, fmt.Errorf("%w: %s: %w", ErrDamaged, stored.Name, err)
	}
	return tree, nil
}

// Restored says that every dump of the point was restored into a scratch database
// and compared when it was made. It has one at least.
func (p Point) Restored() bool {
	dumps := 0
	for _, part := range p.Parts {
		if part.Dump == nil {
			continue
		}
		if dumps++; part.Proof == nil || part.Proof.By != ByRestoring {
			return false
		}
	}
	return dumps > 0
}

// Size is the room that the point takes.
func (p Point) Size() int64 {
	var n int64
	for _, part := range p.Parts {
		n += part.Size()
	}
	return n
}

// Size is the room that the part takes.
func (p Part) Size() int64 {
	var n int64
	for _, s := range p.Stored {
		n += s.Bytes
	}
	return n
}

// Reading is what Progressed comes to when the point is read whole.
func (p Point) Reading() int64 {
	var n int64
	for _, part := range p.Parts {
		n += part.Reading()
	}
	return n
}

// Reading is what Progressed comes to when the part is read or restored: the
// stored files, or the content, of which a repository stores what is new.
func (p Part) Reading() int64 {
	for _, s := range p.Stored {
		if s.Path != "" {
			return p.Bytes
		}
	}
	return p.Size()
}

// Kept is the point as far as retention goes by it.
func (p Point) Kept(proven bool) site.Kept {
	return site.Kept{ID: p.ID, Run: p.About.Run, Timer: p.About.Timer, Made: p.Made, Proven: proven}
}

// Encode seals the record and gives its text.
func (p *Point) Encode() ([]byte, error) {
	p.Seal = ""
	text, err := p.marshal()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	p.Seal = hex.EncodeToString(sum[:])
	return p.marshal()
}

func (p *Point) marshal() ([]byte, error) {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write the record of restore point %s: %w", p.ID, err)
	}
	return append(text, '\n'), nil
}

// Decode reads a record. Any changed byte is ErrDamaged; a newer format is
// told apart.
func Decode(text []byte) (Point, error) {
	var p Point
	if err := json.Unmarshal(bytes.TrimSpace(text), &p); err != nil {
		return Point{}, fmt.Errorf("%w: its record cannot be read: %w", ErrDamaged, err)
	}
	if p.Format > Format {
		return Point{}, fmt.Errorf("cannot read the record of restore point %s: it has format %d, and this Upkeep knows %d: use the Upkeep that made it", p.ID, p.Format, Format)
	}
	seal := p.Seal
	again, err := p.Encode()
	if err != nil {
		return Point{}, err
	}
	if p.Seal != seal || !bytes.Equal(again, text) {
		return Point{}, fmt.Errorf("%w: its record was changed", ErrDamaged)
	}
	return p, nil
}

// Touched says whether a file may have been changed after the point was begun,
// by the one time that no program can set.
func Touched(p Point, e files.Entry) bool {
	const slack = 2 * time.Second // of the clock that stamps inodes
	return e.Stamp.CTime >= p.Began.Add(-slack).UnixNano()
}

// Differ says in what something stored is not what its manifest describes
// (ErrDamaged).
func Differ(stored string, want, got files.Tree) error {
	list := files.Compare(want, got, files.Ignore{})
	if len(list) == 0 {
		return nil
	}
	more := ""
	if len(list) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(list)-1)
	}
	return fmt.Errorf("%w: %s differs from its manifest: %s%s", ErrDamaged, stored, list[0], more)
}
