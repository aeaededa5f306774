package manage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/drift"
	"upkeep/internal/plan"
	"upkeep/internal/step/rehearse"
)

// builtStandard is what the release's script of a fresh install makes on the
// site's own server.
type builtStandard struct {
	At      time.Time    `json:"at"`
	Version string       `json:"version"`
	Script  string       `json:"script"` // its SHA-256
	Schema  drift.Schema `json:"schema"`
}

func (b builtStandard) words() string {
	return fmt.Sprintf("the standard of release %s, built from its script on this server on %s", b.Version, b.At.Local().Format("2006-01-02 15:04"))
}

func (in *Installation) builtPath(unit string) string {
	return filepath.Join(in.standardsDir(), url.PathEscape(unit)+".script.json")
}

// script gives the script of a fresh install that the version's bundle has for a
// component; nil: it has none.
func (s standards) script(component string) (*migration.Script, error) {
	for _, p := range s.places {
		name := path.Join(p.dir, component, bundle.StandardScript)
		text, err := fs.ReadFile(p.bundle.FS(), name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read %s of %s: %w", name, p.bundle.Origin(), err)
		}
		return standardScript(name, text)
	}
	return nil, nil
}

func standardScript(name string, text []byte) (*migration.Script, error) {
	sum := sha256.Sum256(text)
	out := &migration.Script{Script: database.Script{Name: name, SQL: strings.TrimPrefix(string(text), "\uFEFF")}, SHA256: hex.EncodeToString(sum[:])}
	var err error
	out.Marks, err = migration.ReadMarks(out.Script)
	return out, err
}

// built gives what was built for a unit and a server like that of actual. The note
// says what a person can do where the bundle has a script from which nothing was
// built here yet.
func (s standards) built(unit string, actual drift.Schema) (found *builtStandard, note string, err error) {
	script, err := s.script(plan.ComponentOf(unit))
	if script == nil || err != nil {
		return nil, "", err
	}
	note = fmt.Sprintf("release %s brings a script of its objects: upkeep drift --build makes the standard from it, in a scratch database on this server", s.version)
	raw, err := s.in.FS.ReadFile(s.in.builtPath(unit))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, note, nil
	}
	b := &builtStandard{}
	if err == nil {
		err = json.Unmarshal(raw, b)
	}
	if err != nil {
		return nil, note, fmt.Errorf("what was built from %s cannot be read: %w", script.Name, err)
	}
	if b.Version != s.version || b.Script != script.SHA256 || b.Schema.File() != actual.File() {
		return nil, note, nil // of another release or server
	}
	if err := drift.Comparable(b.Schema, actual); err != nil {
		return nil, note, err
	}
	return b, "", nil
}

// scratchRight is what lets an ordinary account make scratch databases.
var scratchRight = map[string]string{
	"postgres": ": ALTER ROLE its account CREATEDB",
	"mariadb":  ": GRANT ALL PRIVILEGES ON `upkeep\\_scratch\\_%`.* TO its account",
}

// BuildStandards makes the standards of databases from the scripts that the
// installed release brings for servers that it has no standard of: in scratch
// databases, which are gone afterwards. It gives the databases. It is refused while
// a run is open.
func (in *Installation) BuildStandards(ctx context.Context, from, to string) (built []string, err error) {
	known, err := in.standing(ctx, from, to)
	if err != nil {
		return nil, err
	}
	defer known.close()
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	lock, err := in.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	if err := in.quiet(ctx); err != nil {
		return nil, err
	}
	var reasons []string
	for _, id := range known.resolver.Product.Order {
		if !slices.Contains(read, known.resolver.Product.Components[id].Kind) {
			continue
		}
		d, err := known.resolver.Database(id)
		if err != nil {
			return built, err
		}
		why, err := in.buildStandard(ctx, id, *d, known.standards)
		var refused *RefusedError
		if errors.As(err, &refused) {
			return built, refused
		}
		if err != nil {
			return built, fmt.Errorf("cannot build the standard of %s: %w", id, err)
		}
		if why != "" {
			reasons = append(reasons, why)
			continue
		}
		built = append(built, id)
	}
	if len(built) == 0 {
		if len(reasons) == 0 {
			reasons = []string{known.product.ID + " has no database whose objects can be read"}
		}
		return nil, &RefusedError{What: "no standard is built", Reasons: reasons}
	}
	return built, nil
}

// buildStandard builds one, or says why not.
func (in *Installation) buildStandard(ctx context.Context, unit string, d plan.Database, s standards) (why string, err error) {
	script, err := s.script(plan.ComponentOf(unit))
	if err != nil {
		return "", err
	}
	if script == nil {
		return fmt.Sprintf("the bundle of release %s has no %s; where Upkeep has kept none, name it with --from", s.version, path.Join(bundle.StandardDir, plan.ComponentOf(unit), bundle.StandardScript)), nil
	}
	// Named by the installation alone: what a killed one has left is removed by the
	// next.
	db, err := in.databases.Open(ctx, d, "standard/"+in.Doc.ID)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	b := builtStandard{At: time.Now().UTC(), Version: s.version, Script: script.SHA256}
	b.Schema, err = rehearse.Build(ctx, db, *script)
	if errors.Is(err, database.ErrScratch) {
		return "", &RefusedError{What: "no standard is built", Reasons: []string{fmt.Sprintf("%s: %v%s", unit, err, scratchRight[d.Kind])}}
	}
	if err != nil {
		return "", err
	}
	return "", in.writeStandard(in.builtPath(unit), b)
}
