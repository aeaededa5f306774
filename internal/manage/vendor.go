package manage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"upkeep/internal/bundle"
	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/drift"
	"upkeep/internal/manifest"
	"upkeep/internal/schema"
	"upkeep/internal/site"
)

// LintResult is what lint says of one document.
type LintResult struct {
	Path     string        `json:"path"`
	Error    string        `json:"error,omitempty"` // mistakes of form, with their places
	Findings []LintFinding `json:"findings,omitempty"`
}

// LintFinding is a finding with the line of the document that it is about.
type LintFinding struct {
	manifest.Finding
	At      string `json:"at"` // file:line:column
	Excerpt string `json:"excerpt,omitempty"`
}

// placed gives a finding its place and its line.
func placed(f manifest.Finding, src document.Source) LintFinding {
	return LintFinding{Finding: f, At: f.Pos.String(), Excerpt: f.In(src).Excerpt()}
}

// Pretty is the finding, and below it the line.
func (f LintFinding) Pretty() string {
	if f.Excerpt == "" {
		return f.Error()
	}
	return fmt.Sprintf("%s: %s (%s)\n%s", f.At, f.Msg, f.ID, f.Excerpt)
}

// Clean says that nothing was found.
func (r LintResult) Clean() bool { return r.Error == "" && len(r.Findings) == 0 }

// Usable says that a bundle can be built of it: there may be warnings.
func (r LintResult) Usable() bool {
	return r.Error == "" && !slices.ContainsFunc(r.Findings, func(f LintFinding) bool { return f.Level == manifest.LevelError })
}

// Lint checks a product and release document, an installation document, or
// the manifest in a folder.
func Lint(path string) LintResult {
	r := LintResult{Path: path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		r.Path = filepath.Join(path, bundle.ManifestName)
	}
	text, err := os.ReadFile(r.Path)
	if err != nil {
		r.Error = fmt.Sprintf("cannot read the document: %v", err)
		return r
	}
	nodes, err := yaml.Parse(r.Path, text)
	if err != nil {
		r.Error = document.Pretty(err)
		return r
	}
	src := document.Source{Name: r.Path, Text: text}
	if len(nodes) == 1 && nodes[0].Get("installation") != nil {
		if _, err := site.Decode(src, nodes); err != nil {
			r.Error = document.Pretty(err)
		}
		return r
	}
	p, rel, err := manifest.Decode(src, nodes)
	if err != nil {
		r.Error = document.Pretty(err)
		return r
	}
	for _, f := range append(manifest.Lint(p, rel), unfitProbes(p, rel)...) {
		r.Findings = append(r.Findings, placed(f, src))
	}
	return r
}

// BuildBundle lints the manifest of a source folder and builds its bundle.
func BuildBundle(ctx context.Context, src, dest string) (digest string, err error) {
	if r := Lint(src); !r.Usable() {
		if r.Error != "" {
			return "", fmt.Errorf("the manifest has mistakes:\n%s", r.Error)
		}
		return "", fmt.Errorf("the manifest has mistakes: see upkeep vendor lint %s", src)
	}
	from, err := filepath.Abs(src)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(dest)
	if err != nil {
		return "", err
	}
	if err := standardsOf(from); err != nil {
		return "", err
	}
	return bundle.Build(ctx, realFiles(), from, to, bundle.BuildOptions{Exclude: []string{".git"}})
}

// WriteStandard writes a database of this installation, which is a fresh install
// of a release, into the source folder of the release's bundle as its standard
// for this server's version. It gives the file.
func (in *Installation) WriteStandard(ctx context.Context, component, from, source string) (string, drift.Schema, error) {
	s, err := in.VendorStandard(ctx, component, from)
	if err != nil {
		return "", s, err
	}
	text, err := s.Encode()
	if err != nil {
		return "", s, err
	}
	if _, err := os.Stat(filepath.Join(source, bundle.ManifestName)); err != nil {
		return "", s, fmt.Errorf("%s is no source of a bundle: it has no %s", source, bundle.ManifestName)
	}
	dir := filepath.Join(source, bundle.StandardDir, component)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", s, err
	}
	path := filepath.Join(dir, s.File())
	return path, s, os.WriteFile(path, text, 0o644)
}

// standardsOf refuses standards that could not be read or would never be looked
// at.
func standardsOf(source string) error {
	for _, pattern := range []string{"standard/*/*", "from/*/standard/*/*"} {
		list, err := filepath.Glob(filepath.Join(source, pattern))
		if err != nil {
			return err
		}
		for _, path := range list {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if filepath.Base(path) == bundle.StandardScript {
				if _, err := standardScript(path, text); err != nil {
					return err
				}
				continue
			}
			s, err := drift.Parse(text)
			if err == nil && filepath.Base(path) != s.File() {
				err = fmt.Errorf("it is of %s %s: call it %s", s.Kind, s.Server, s.File())
			}
			if err != nil {
				return fmt.Errorf("%s: %w (upkeep vendor standard writes it; a script of all objects is called %s)", path, err, bundle.StandardScript)
			}
		}
	}
	return nil
}

// Schema gives the JSON Schema of a kind of document.
func Schema(kind string) ([]byte, error) {
	switch kind {
	case "manifest":
		return schema.Manifest()
	case "installation":
		return schema.Installation()
	}
	return nil, fmt.Errorf("there is no schema of %q: say manifest or installation", kind)
}
