// Package backup is about restore points: files and databases of one moment,
// proven to be readable, which the way back goes by.
//
// The interface is owned here; engines implement it in folders of their own
// (archive) and pass the contract suite in backuptest. It may import
// internal/database, internal/files, internal/site and the standard library.
package backup

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"upkeep/internal/database"
	"upkeep/internal/files"
)

// Engine makes, keeps and restores restore points. Calls for different points
// may run side by side, calls for one point may not.
//
// A kill at any moment leaves, of a restore point, either nothing that List
// shows or a complete one; what else lies there is swept.
type Engine interface {
	// Kind names the engine: "archive".
	Kind() string

	// Prepare makes the first pass while the product is up: all files are
	// copied and read back, and databases where the request says Ahead. It may be left out; then Finish does its work.
	// A new call for the same id starts over.
	Prepare(ctx context.Context, r Request) error

	// Finish makes the restore point: the files that have changed since Prepare,
	// a dump of each database that changed since, everything new read back and compared, then the
	// point is complete and durable. The request must be that of Prepare.
	// Where a complete point of that id and run exists, it is returned as it is:
	// a good restore point is never made anew.
	Finish(ctx context.Context, r Request) (Point, error)

	// Amend makes parts of a complete point anew, as they are now; the others stay
	// as they are, and so does the point's id. It takes effect at one instant:
	// killed at any moment it leaves the parts from before or all the new ones.
	// Run again it ends what was interrupted (Point.Replaced), also with no parts.
	// The request must be that of Finish.
	Amend(ctx context.Context, r Request, parts ...string) (Point, error)
	// Find gives one complete point (ErrNotFound). Only its record is read.
	Find(ctx context.Context, id string) (Point, error)

	// List gives all points, oldest first. One whose record cannot be read has
	// Broken set, and nothing else but its ID.
	List(ctx context.Context) ([]Point, error)

	// Verify reads everything, down to the sum of each file in the archives.
	// What is wrong wraps ErrDamaged and names the file.
	Verify(ctx context.Context, id string) error

	// Tree gives the description of a part of files, sums included.
	Tree(ctx context.Context, id, part string) (files.Tree, error)

	// RestoreFiles puts a part back so that nothing differs from its
	// description: content, owner, mode, times, attributes, links. It converges
	// when run again after a kill at any moment.
	RestoreFiles(ctx context.Context, id, part string, to Target) (Restored, error)

	// RestoreDatabase puts a dump back and compares the content with the
	// report of the dump (ErrNotProven).
	RestoreDatabase(ctx context.Context, id, part string, db database.Database) error

	// Remove takes a point away; gone is gone, also after a kill half way.
	Remove(ctx context.Context, id string) error

	// Sweep removes what killed runs left, except for the points being made
	// that keep names. It gives the names of what it removed.
	Sweep(ctx context.Context, keep ...string) ([]string, error)

	// Space says what a point will need at most, volume by volume, from the
	// sizes that files and databases have now.
	Space(ctx context.Context, r Request) ([]Need, error)
}

// Request says what goes into a restore point.
type Request struct {
	ID        string // also its name on the disk: see CheckID
	About     About
	Files     []FilePart
	Databases []DatabasePart
	// Live is for a point made while the product runs: a file that changes while
	// it is read is stored as found instead of being an error. Such a point is
	// marked as Consistency Live.
	Live bool
	// Ahead has Prepare dump the databases, too, where nobody seems to write.
	// Finish takes such a dump where the database's mark has not moved since
	// (database.Database.Mark): it is then what a dump would be, and no user waits
	// for one. Otherwise it dumps anew.
	Ahead bool
	// Progress, when set, hears of content handled so far, in bytes, and the
	// name of the part at hand. Calls come one at a time.
	Progress func(done int64, part string)
}

// FilePart is a tree or a single file.
type FilePart struct {
	Name string // unique in the point: see CheckID
	Path string // absolute
	// First is where the files lie during the first pass, when they are not in
	// their place yet; empty: at Path.
	First   string
	Exclude []string
	// Include, unless empty, names what of the tree is in the part: see
	// files.Options. Such a part is always restored in place, and what is not
	// meant by it is never touched.
	Include []string
}

// FirstPath is where the first pass finds the files.
func (p FilePart) FirstPath() string {
	if p.First != "" {
		return p.First
	}
	return p.Path
}

// DatabasePart is a database.
type DatabasePart struct {
	Name string
	DB   database.Database
	// Prove has a dump restored into a scratch database and compared with its
	// report, before it counts: where they differ there is no restore point
	// (ErrNotProven). What was proven in the first pass and is taken is not proven
	// again.
	Prove bool
}

// Target says where and how files are put back.
type Target struct {
	Path string
	OpID string // names what is staged beside the target
	// KeepOld is where the replaced tree goes, on the same volume; empty: it is
	// removed. It is not used where the tree had to be restored in place.
	KeepOld string
	// InPlace changes only what differs, file by file, instead of exchanging
	// the tree. It is chosen by itself for a part with exclusions, a tree with
	// mounts in it, and a volume that cannot exchange.
	InPlace bool
}

// Restored says what was done.
type Restored struct {
	// Changed is what differed from the restore point before. For a tree that was
	// exchanged, content is compared by size and time only.
	Changed []files.Difference
	InPlace bool
	Old     string // where the replaced tree is; empty when it was not kept
}

// Need is what one volume must hold.
type Need struct {
	Volume string // identity of the volume
	Path   string // a folder on it, for people
	Bytes  int64
	Free   int64
}

// Short says whether there is too little room.
func (n Need) Short() bool { return n.Bytes > n.Free }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+@-]{0,119}$`)

// CheckID refuses names that are not plain file names, or that end like
// something unfinished.
func CheckID(id string) error {
	if !idPattern.MatchString(id) || strings.HasSuffix(id, ".partial") {
		return fmt.Errorf("cannot use the name %q: up to 120 letters, digits and . _ + @ - are allowed, a letter or digit first, and not the ending .partial", id)
	}
	return nil
}

// Check refuses a request that cannot be carried out.
func (r Request) Check() error {
	if err := CheckID(r.ID); err != nil {
		return err
	}
	seen := map[string]bool{}
	part := func(name string, empty bool, what string) error {
		if err := CheckID(name); err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("cannot make restore point %s: two parts are named %q", r.ID, name)
		}
		seen[name] = true
		if empty {
			return fmt.Errorf("cannot make restore point %s: part %s has no %s", r.ID, name, what)
		}
		return nil
	}
	for _, f := range r.Files {
		if err := part(f.Name, f.Path == "", "path"); err != nil {
			return err
		}
	}
	for _, d := range r.Databases {
		if err := part(d.Name, d.DB == nil, "database"); err != nil {
			return err
		}
	}
	if len(seen) == 0 {
		return fmt.Errorf("cannot make restore point %s: it would hold nothing", r.ID)
	}
	return nil
}
