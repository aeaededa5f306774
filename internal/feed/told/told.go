// Package told reads what pages, commands and files tell of published versions:
// the feeds that have nothing to fetch. Nobody has signed what they say, so it is
// shown and nothing is installed for it. A page is an enemy's until shown
// otherwise: it is read once, bounded, and only what is a version of the
// product's order is taken from it.
//
// It may import the model, internal/probe with its parts, and internal/step for
// the errors of people.
package told

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/probe/expect"
	"upkeep/internal/probe/selector"
	"upkeep/internal/step"
	"upkeep/internal/version"
)

// Reader reads a probe; *probe.Evaluator does.
type Reader interface {
	Read(ctx context.Context, p plan.Probe) (probe.Value, error)
}

// Source is a page or a command that tells versions.
type Source struct {
	Name      string     // what people call it
	Probe     plan.Probe // of source http or command, without a selector
	Format    string     // of what is read; empty: as the address says
	Select    string     // the versions; empty: the whole text
	Published string     // when they were published; empty: it is not told
	Order     version.Order
}

// Release is a version, with its moment where one is told.
type Release struct {
	Version string
	At      time.Time
}

// maxVersions is how many versions of one page are looked at.
const maxVersions = 10_000

// Latest reads the source once and gives the highest version that it tells.
func (s Source) Latest(ctx context.Context, r Reader) (Release, error) {
	fail := func(err error) (Release, error) {
		return Release{}, fmt.Errorf("cannot see which version is published: %w", err)
	}
	v, err := r.Read(ctx, s.Probe)
	if err != nil {
		return fail(err)
	}
	if !v.Present {
		return fail(fmt.Errorf("%s", v.Evidence))
	}
	versions, err := s.pick(v.Text, s.Select)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", s.Name, err))
	}
	var times []string
	if s.Published != "" {
		if times, err = s.pick(v.Text, s.Published); err != nil {
			return fail(fmt.Errorf("%s: %w", s.Name, err))
		}
	}
	if len(versions) > maxVersions {
		return fail(fmt.Errorf("%s tells %d versions, and at most %d are looked at", s.Name, len(versions), maxVersions))
	}
	best := -1
	for i, text := range versions {
		if s.Order.Valid(text) != nil {
			continue
		}
		if best < 0 {
			best = i
		} else if c, err := s.Order.Compare(text, versions[best]); err == nil && c > 0 {
			best = i
		}
	}
	if best < 0 {
		return fail(&step.UserError{Msg: s.none(versions), Now: "look at it; if it has another shape by now, its vendor has to say so in feed: of the product"})
	}
	out := Release{Version: versions[best]}
	if len(times) == len(versions) { // otherwise nothing says which is whose
		if at, err := expect.Moment(times[best]); err == nil {
			out.At = at.UTC()
		}
	}
	return out, nil
}

// none says why a text tells no version.
func (s Source) none(found []string) string {
	if len(found) == 0 {
		return s.Name + " tells no version"
	}
	return fmt.Sprintf("%s tells %.60q, which is no version of this product", s.Name, found[0])
}

// pick gives all that a selector takes out of a text.
func (s Source) pick(text, by string) ([]string, error) {
	format, err := s.format()
	if err != nil {
		return nil, err
	}
	if by == "" {
		return []string{strings.TrimSpace(text)}, nil
	}
	sel, err := selector.Parse(by, format)
	if err != nil {
		return nil, err
	}
	return sel.All([]byte(text))
}

func (s Source) format() (selector.Format, error) {
	if s.Format != "" {
		return selector.ParseFormat(s.Format)
	}
	if s.Probe.Source != "http" || len(s.Probe.Args) == 0 {
		return selector.Text, nil
	}
	if u, err := url.Parse(s.Probe.Args[0]); err == nil {
		if f := selector.FormatOf(u.Path); f != selector.Text {
			return f, nil
		}
	}
	return selector.Auto, nil
}

// Check says what no source could be read with.
func (s Source) Check() error {
	format, err := s.format()
	if err != nil {
		return err
	}
	for _, by := range []string{s.Select, s.Published} {
		if _, err := selector.Parse(by, format); err != nil {
			return err
		}
	}
	return probe.Validate(s.Probe)
}

// Cache is the file in which a service of the product's own keeps the version that
// it has seen last.
type Cache struct {
	File, Select, At string
}

// Files is what is asked of files beside their content; durable.FS does.
type Files interface {
	Stat(path string) (durable.Info, error)
}

// Seen gives what the file says; nothing where it is not there, or says nothing.
func (c Cache) Seen(ctx context.Context, r Reader, files Files) (Release, error) {
	read := func(by string) (probe.Value, error) {
		return r.Read(ctx, plan.Probe{Source: "file", Args: []string{c.File}, Select: by})
	}
	v, err := read(c.Select)
	if err != nil || !v.Present {
		return Release{}, err
	}
	if len(v.Text) > version.MaxLength {
		return Release{}, fmt.Errorf("%s tells %.60q, which is no version", c.File, v.Text)
	}
	out := Release{Version: v.Text}
	if c.At == "" {
		i, err := files.Stat(c.File)
		if errors.Is(err, fs.ErrNotExist) {
			return Release{}, nil
		}
		out.At = i.MTime.UTC()
		return out, err
	}
	if v, err = read(c.At); err != nil || !v.Present {
		return out, err
	}
	if out.At, err = expect.Moment(strings.TrimSpace(v.Text)); err != nil {
		return out, fmt.Errorf("%s: %w", c.File, err)
	}
	out.At = out.At.UTC()
	return out, nil
}
