package manage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// documentsIn lists the installation documents of some folders: NAME.yaml and
// NAME/installation.yaml.
func documentsIn(folders []string) []string {
	var out []string
	for _, dir := range folders {
		files, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
		files = slices.DeleteFunc(files, func(f string) bool { return filepath.Base(f) == site.HostName })
		within, _ := filepath.Glob(filepath.Join(dir, "*", "installation.yaml"))
		out = append(append(out, files...), within...)
	}
	return out
}

// nameOf is what an installation is called by where its document lies.
func nameOf(document string) string {
	if base := filepath.Base(document); base != "installation.yaml" {
		return strings.TrimSuffix(base, ".yaml")
	}
	return filepath.Base(filepath.Dir(document))
}

// peek reads a document without wiring anything.
func peek(path string) (*site.Installation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the installation document: %w", err)
	}
	nodes, err := yaml.Parse(path, text)
	if err != nil {
		return nil, err
	}
	return site.Decode(document.Source{Name: path, Text: text}, nodes)
}

// Known is an installation of this computer.
type Known struct {
	Name     string
	Document string
	Product  string
	Status   *Status // nil when it cannot be read
	Err      error   // why
}

// List gives every installation that this account can find: those whose
// documents lie in the folders, and those that runs were started from.
func List(ctx context.Context, folders []string, exe string) ([]Known, error) {
	docs, err := enrolled(realFiles(), register, folders)
	if errors.Is(err, os.ErrPermission) { // the register is root's
		docs, err = documentsIn(folders), nil
	}
	if err != nil {
		return nil, err
	}
	var out []Known
	for _, path := range docs {
		k := Known{Name: nameOf(path), Document: path}
		in, err := Open(path, exe)
		var none *NoInstallationError
		switch {
		case errors.As(err, &none):
			continue // enrolled once, and gone
		case err != nil:
			k.Err = err
		default:
			k.Product = in.Doc.Product
			s, err := in.Status(ctx)
			if k.Err = err; err == nil {
				k.Status = &s
			}
		}
		out = append(out, k)
	}
	return out, nil
}

// byID finds the document whose installation has the id.
func byID(id string, folders []string) (found []string) {
	for _, path := range documentsIn(folders) {
		if doc, err := peek(path); err == nil && doc.ID == id {
			found = append(found, path)
		}
	}
	return found
}

// clashes refuses what two installations must not have in common: a tree, a
// database, a port that the gate closes, a folder of state or of restore
// points. Of the others it knows what their last plan, or adopt, says.
func (in *Installation) clashes(ctx context.Context, folders []string, mine []claim) error {
	docs, err := enrolled(in.FS, register, folders)
	if err != nil {
		docs = documentsIn(folders)
	}
	var reasons []string
	for _, path := range docs {
		if same, err := sameFile(path, in.Path); err != nil || same {
			continue
		}
		other, err := Open(path, in.Exe)
		if err != nil {
			continue // a document that is broken claims nothing
		}
		for _, t := range other.claims(other.lastPlan(ctx)) {
			for _, m := range mine {
				if m.meets(t) {
					as := ""
					if t.kind != m.kind || t.what != m.what {
						as = fmt.Sprintf(", as %s", t)
					}
					reasons = append(reasons, fmt.Sprintf("%s is used by the installation %s too%s: two installations cannot share it (%s)", m, nameOf(path), as, path))
				}
			}
		}
	}
	if len(reasons) > 0 {
		return &plan.Refusal{Reasons: reasons}
	}
	return nil
}

func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y), err
}

// claim is something that belongs to one installation alone.
type claim struct {
	kind string // tree, folder, database, port
	what string // shown
	at   string // compared
}

func (c claim) String() string { return fmt.Sprintf("the %s %s", c.kind, c.what) }

// meets says whether two claims are of one thing; folders also when one lies in
// the other.
func (c claim) meets(d claim) bool {
	folder := func(k string) bool { return k == "tree" || k == "state folder" || k == "folder of restore points" }
	switch inside := func(x, y claim) bool { return y.kind == "tree" && strings.HasPrefix(x.at, y.at+"/") }; {
	case folder(c.kind) && folder(d.kind):
		return c.at == d.at || inside(c, d) || inside(d, c)
	}
	return c.at == d.at && c.kind == d.kind
}

// at is a claim on a place, whatever links lead there.
func at(kind, place string) claim {
	c := claim{kind, place, place}
	if real, err := filepath.EvalSymlinks(place); err == nil {
		c.at = real
	}
	return c
}

func (in *Installation) ownClaims() []claim {
	return []claim{{"id", in.Doc.ID, in.Doc.ID}, // of the gate's rules, of scopes
		at("state folder", in.State), at("folder of restore points", in.Backup)}
}

// productClaims are those of what was found of the product.
func (in *Installation) productClaims(r *plan.Resolver) []claim {
	out := in.ownClaims()
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		switch {
		case c.Kind == "tree":
			if place, err := r.Scope.Expand(c.At.Path); err == nil && place != "" {
				out = append(out, at("tree", place))
			}
		case c.Database():
			if d, err := r.Database(id); err == nil {
				if what, where := in.databaseName(*d); where != "" {
					out = append(out, claim{"database", what, where})
				}
			}
		}
	}
	return out
}

// gateClaims are the ports that a plan closes.
func gateClaims(p *plan.Plan) (out []claim) {
	for _, m := range accessModes(p) {
		if m.Gate != nil {
			for _, port := range m.Gate.Ports {
				out = append(out, claim{"port", port, port})
			}
		}
	}
	return out
}

// claims are those of another installation, by its last plan or by adopt.
func (in *Installation) claims(p *plan.Plan) []claim {
	var out []claim
	out = append(out, in.ownClaims()...)
	if p == nil {
		if a, err := in.Adopted(); err == nil && a != nil {
			for _, i := range a.Instances {
				if i.Kind == "tree" && i.At != "" {
					out = append(out, at("tree", i.At))
				}
			}
		}
		return out
	}
	for _, i := range p.Instances {
		if i.Kind == "tree" && !i.Gone {
			out = append(out, at("tree", i.At))
		}
	}
	for _, d := range databasesOf(p) {
		if what, where := in.databaseName(d); where != "" {
			out = append(out, claim{"database", what, where})
		}
	}
	return append(out, gateClaims(p)...)
}

// databaseName names a database for people, and for comparing: its connection
// string is never shown.
func (in *Installation) databaseName(d plan.Database) (what, where string) {
	switch {
	case d.Path != "":
		return d.Path, at("database", d.Path).at
	case d.DSN != nil:
		if d.DSN.File == "" {
			return "", "" // a variable of this process says nothing about another's
		}
		dsn, err := local.Secrets{FS: in.FS}.Resolve(context.Background(), *d.DSN)
		if err != nil {
			return "", ""
		}
		return d.Component, dsn
	}
	return d.Component, d.Plain
}

// lastPlan is the plan of the latest run; nil when there is none to be had.
func (in *Installation) lastPlan(ctx context.Context) *plan.Plan {
	j, err := in.journal(ctx)
	if err != nil {
		return nil
	}
	defer j.Close()
	rows, err := j.Recent(ctx, 0, 1)
	if err != nil || len(rows) == 0 {
		return nil
	}
	p, err := j.Plan(ctx, rows[0].Plan)
	if err != nil {
		return nil
	}
	return p
}

// named renders the installations that there are to choose from.
func (e *NoInstallationError) named() string {
	var b strings.Builder
	for _, path := range slices.Sorted(slices.Values(e.Found)) {
		product := "a document that cannot be read"
		if doc, err := peek(path); err == nil {
			product = doc.Product
			if doc.ID != nameOf(path) {
				product += ", id " + doc.ID
			}
		}
		fmt.Fprintf(&b, "\n  %s  (%s)  %s", nameOf(path), product, path)
	}
	return b.String()
}
