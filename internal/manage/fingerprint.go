package manage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"

	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// Fingerprint says what an installation is: the evidence for "exactly as it
// was". It leaves out times of files, process numbers, and logs.
type Fingerprint struct {
	Files    map[string]string `json:"files"`    // component to the SHA-256 over path, type, mode, owner, attributes and content of its files
	Data     map[string]string `json:"data"`     // component to the SHA-256 over schema and rows
	Rows     map[string]int64  `json:"rows"`     // component to the number of rows
	Services map[string]string `json:"services"` // service to running or stopped, with the enablement of units
	Modes    map[string]string `json:"modes"`    // access mode to whether it is on; gate among them
	Versions map[string]string `json:"versions"` // component to what it reads
}

// Digest is one number for all of it.
func (f Fingerprint) Digest() string {
	raw, _ := json.Marshal(f) // maps of strings always marshal
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Differences lists what is not the same, in sentences.
func (f Fingerprint) Differences(g Fingerprint) []string {
	var out []string
	compare := func(what string, a, b map[string]string) {
		for k := range a {
			if a[k] != b[k] {
				out = append(out, fmt.Sprintf("%s %s: %.12s, then %.12s", what, k, a[k], b[k]))
			}
		}
		for k := range b {
			if _, ok := a[k]; !ok {
				out = append(out, fmt.Sprintf("%s %s: not there, then %.12s", what, k, b[k]))
			}
		}
	}
	compare("files of", f.Files, g.Files)
	compare("data of", f.Data, g.Data)
	compare("service", f.Services, g.Services)
	compare("mode", f.Modes, g.Modes)
	compare("version of", f.Versions, g.Versions)
	sort.Strings(out)
	return out
}

// Fingerprint takes the full fingerprint, as the given product document
// describes the installation. It reads every file and every row.
func (in *Installation) Fingerprint(ctx context.Context, p *manifest.Product) (Fingerprint, error) {
	f := Fingerprint{Files: map[string]string{}, Data: map[string]string{}, Rows: map[string]int64{}, Services: map[string]string{}, Modes: map[string]string{}, Versions: map[string]string{}}
	s := in.surveyor()
	facts, err := s.Basics(ctx, p, in.Doc)
	if err != nil {
		return f, err
	}
	r, err := s.Resolver(p, in.Doc, facts)
	if err != nil {
		return f, err
	}
	for id, running := range facts.Services {
		f.Services[id] = map[bool]string{true: "running", false: "stopped"}[running]
		if u := facts.Systemd[id]; u.Unit != "" {
			f.Services[id] += ", " + u.Unit + " " + u.Load + " " + u.Start
		}
	}
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		if v := facts.Instances[id].Version; v != "" {
			f.Versions[id] = v
		}
		switch {
		case c.Kind == "tree":
			at, err := r.Scope.Expand(c.At.Path)
			if err != nil {
				return f, err
			}
			if real, err := filepath.EvalSymlinks(at); err == nil {
				at = real
			}
			t, err := files.Scan(ctx, in.FS, at, files.Options{Hash: true})
			if err != nil {
				return f, err
			}
			f.Files[id] = files.Digest(t)
		case c.Data():
			if err := in.fingerprintData(ctx, r, id, &f); err != nil {
				return f, err
			}
		}
	}
	return f, in.fingerprintModes(ctx, r, &f)
}

func (in *Installation) fingerprintData(ctx context.Context, r *plan.Resolver, id string, f *Fingerprint) error {
	d, err := r.Database(id)
	if err != nil {
		return err
	}
	db, err := in.databases.Open(ctx, *d, "fingerprint")
	if err != nil {
		return err
	}
	defer db.Close()
	fp, err := db.Fingerprint(ctx)
	if err != nil {
		return err
	}
	f.Data[id], f.Rows[id] = fp.Digest(), fp.RowCount()
	return nil
}

func (in *Installation) fingerprintModes(ctx context.Context, r *plan.Resolver, f *Fingerprint) error {
	for mode, a := range r.Product.Access {
		if a.Marker == "" {
			continue
		}
		all, err := r.Markers(mode, a)
		if err != nil {
			return err
		}
		for _, p := range all {
			for _, at := range append([]string{p.Marker, p.Parked}, p.Aliases...) {
				_, err := in.FS.Lstat(at)
				switch {
				case at == "":
				case err == nil:
					f.Modes[p.Name()+" "+filepath.Base(at)] = "there"
				case !errors.Is(err, fs.ErrNotExist):
					return err
				}
			}
		}
	}
	if in.Root {
		if st, err := in.gate.State(ctx, in.Doc.ID); err == nil && st.Up {
			f.Modes["gate"] = "up"
		}
	}
	return nil
}
