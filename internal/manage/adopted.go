package manage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"upkeep/internal/approval"
	"upkeep/internal/bundle"
	"upkeep/internal/files"
	"upkeep/internal/journal"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// Adopted is the record of a product that was there before Upkeep: what was
// found, and what is assumed of it.
type Adopted struct {
	At        time.Time                 `json:"at"`
	By        string                    `json:"by"`
	Product   string                    `json:"product"`
	Version   string                    `json:"version"`
	Entry     string                    `json:"entry,omitempty"` // the product's own address, http or https
	Document  string                    `json:"document"`        // SHA-256 of the product's document that was used
	Exact     bool                      `json:"exact"`           // that document is the installed version's own
	Instances []AdoptedInstance         `json:"instances"`
	Services  map[string]AdoptedService `json:"services,omitempty"`
	Modes     []string                  `json:"modes,omitempty"` // access modes found on
	Assumed   []string                  `json:"assumed,omitempty"`

	databases []plan.Database
}

// AdoptedService is a service as it was found.
type AdoptedService struct {
	Running bool   `json:"running"`
	Unit    string `json:"unit,omitempty"`  // of systemd
	Start   string `json:"start,omitempty"` // how the unit starts with the machine: enabled, disabled, masked, …
}

// Text is one line for people.
func (s AdoptedService) Text() string {
	text := "stopped"
	if s.Running {
		text = "runs"
	}
	if s.Unit != "" {
		text += ", " + s.Start + " as " + s.Unit
	}
	return text
}

// AdoptedInstance is one installed copy of a component as it was found.
type AdoptedInstance struct {
	Component string `json:"component"`
	Instance  string `json:"instance,omitempty"`
	Kind      string `json:"kind"`
	At        string `json:"at,omitempty"`
	Version   string `json:"version,omitempty"`
	Files     int    `json:"files,omitempty"`
	Bytes     int64  `json:"bytes,omitempty"`
	Known     bool   `json:"known,omitempty"`  // what its release shipped is known
	Edited    int    `json:"edited,omitempty"` // files that differ from it
	Sums      string `json:"sums,omitempty"`   // digest of its files as they were found, times left out
}

// places adds where the units were found, for those that are not known yet.
func (a *Adopted) places(known map[string]string) map[string]string {
	out := maps.Clone(known)
	if out == nil {
		out = map[string]string{}
	}
	for _, i := range a.Instances {
		if id := plan.UnitID(i.Component, i.Instance); out[id] == "" && i.At != "" {
			out[id] = i.At
		}
	}
	return out
}

func (in *Installation) adoptedDir() string  { return filepath.Join(in.State, "adopted") }
func (in *Installation) adoptedPath() string { return filepath.Join(in.adoptedDir(), "record.json") }
func (in *Installation) adoptedDocument() string {
	return filepath.Join(in.adoptedDir(), "product.yaml")
}

// baselinePath is the list of the files of a component as adopt found them.
func (in *Installation) baselinePath(component string) string {
	return filepath.Join(in.adoptedDir(), component+".sums")
}

// Adopted gives the record of the adoption; nil when the product was not
// adopted.
func (in *Installation) Adopted() (*Adopted, error) {
	raw, err := in.FS.ReadFile(in.adoptedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what was adopted: %w", err)
	}
	a := &Adopted{}
	if err := json.Unmarshal(raw, a); err != nil {
		return nil, fmt.Errorf("%s cannot be read (%w): upkeep adopt writes it anew", in.adoptedPath(), err)
	}
	return a, nil
}

// keepAdopted writes the record, last of all that belongs to it.
func (in *Installation) keepAdopted(a *Adopted, document []byte, baseline map[string][]byte) error {
	if err := in.FS.MkdirAll(in.adoptedDir(), 0o700); err != nil {
		return fmt.Errorf("cannot keep what was found: %w", err)
	}
	if _, err := approval.MakeKey(in.FS, in.siteKeyPath()); err != nil {
		return err
	}
	for component, text := range baseline {
		if err := in.FS.WriteFile(in.baselinePath(component), text, 0o600); err != nil {
			return fmt.Errorf("cannot keep the list of files: %w", err)
		}
	}
	if err := in.FS.WriteFile(in.adoptedDocument(), document, 0o600); err != nil {
		return fmt.Errorf("cannot keep the product's document: %w", err)
	}
	raw, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	if err := in.FS.WriteFile(in.adoptedPath(), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot keep what was found: %w", err)
	}
	return nil
}

// adoptedProduct gives the product document that was adopted for a version;
// nil when there is none, or it is another version's.
func (in *Installation) adoptedProduct(version string) (*manifest.Product, error) {
	a, err := in.Adopted()
	if err != nil || a == nil || !a.Exact || version != "" && a.Version != version {
		return nil, err
	}
	text, err := in.FS.ReadFile(in.adoptedDocument())
	if err != nil {
		return nil, fmt.Errorf("cannot read the adopted product's document: %w", err)
	}
	p, _, err := decode(in.adoptedDocument(), text)
	return p, err
}

// baseline gives the files of a component as adopt found them; nil when it was
// not adopted at that version.
func (in *Installation) baseline(version string) func(component string) *files.Tree {
	a, err := in.Adopted()
	if err != nil || a == nil || a.Version != version {
		return func(string) *files.Tree { return nil }
	}
	return func(component string) *files.Tree {
		text, err := in.FS.ReadFile(in.baselinePath(component))
		if err != nil {
			return nil
		}
		t, err := files.ParseAny(bytes.NewReader(text))
		if err != nil {
			return nil
		}
		return &t
	}
}

// recorded is the record as adoption left it, in the form of a run's.
func (a *Adopted) recorded() []journal.Installed {
	var out []journal.Installed
	for _, i := range a.Instances {
		out = append(out, journal.Installed{Component: i.Component, Instance: i.Instance, Version: i.Version, Release: a.Version})
	}
	return out
}

// shipped gives what the installed release shipped for a component, as the
// bundle of the next one says, as its own says that an earlier run has kept
// (nil: none has), or else what adopt found.
func (in *Installation) shipped(next *bundle.Bundle, version string, kept *Release) func(unit string) *files.Tree {
	published, found := installedSums(next, version), in.baseline(version)
	return func(unit string) *files.Tree {
		component := plan.ComponentOf(unit)
		if t := published(component); t != nil {
			return t
		}
		if kept != nil {
			if t, err := kept.Bundle.Payload(component); err == nil {
				return &t
			}
		}
		return found(unit)
	}
}
