// Package outage compares how long users are without Miniflux while it is
// upgraded in different ways: the same old site, the same data, one way after
// the other in turn, seen by a user who asks every 20 ms. It is test support
// and may import package lab and what that may.
package outage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/lab"
)

// Way is one way to upgrade a running site; it returns when the product is
// open again.
type Way struct {
	Name    string
	Upgrade func(ctx context.Context, s *lab.MinifluxSite) error
}

// Script is the plain shell script.
func Script(to *lab.MinifluxRelease) Way {
	return Way{Name: "script", Upgrade: func(ctx context.Context, s *lab.MinifluxSite) error {
		root, err := lab.ModuleRoot()
		if err != nil {
			return err
		}
		args := []string{s.Root, to.Dir, s.URL}
		if s.Account.Switch {
			args = append(args, s.Account.Name)
		}
		return run(ctx, append(os.Environ(), "PGBIN="+s.PG.Bin), filepath.Join(root, "scripts", "miniflux-baseline.sh"), args...)
	}}
}

// Upkeep is the binary under test, with an installation document for each site
// and a bundle.
func Upkeep(binary, bundle string, document func(*lab.MinifluxSite) (string, error)) Way {
	return Way{Name: "upkeep", Upgrade: func(ctx context.Context, s *lab.MinifluxSite) error {
		path, err := document(s)
		if err != nil {
			return err
		}
		return run(ctx, os.Environ(), binary, "upgrade", "--installation", path, "--from", bundle, "--yes")
	}}
}

// run sends the output through a file: a product that is left running would
// hold a pipe open.
func run(ctx context.Context, env []string, program string, args ...string) error {
	out, err := os.CreateTemp("", "upkeep-lab-out-")
	if err != nil {
		return fmt.Errorf("cannot keep the output of %s: %w", filepath.Base(program), err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name()) // only to say more
		return fmt.Errorf("cannot upgrade with %s: %w\n%s", filepath.Base(program), err, text)
	}
	return nil
}

// Config says what is compared.
type Config struct {
	PG       *lab.PG
	From, To *lab.MinifluxRelease
	Rounds   int
	Feeds    int // of the site
	Items    int // of each feed
	Log      io.Writer
}

// Figures are the outages of one way, in the order of the rounds.
type Figures struct {
	Name    string
	Outages []lab.Outage
}

// Median gives the middle of the total outages.
func (f Figures) Median() time.Duration {
	all := make([]time.Duration, len(f.Outages))
	for i, o := range f.Outages {
		all[i] = o.Total()
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}

// String gives the line that a report quotes.
func (f Figures) String() string {
	var all []string
	for _, o := range f.Outages {
		all = append(all, fmt.Sprint(o.Total().Milliseconds()))
	}
	return fmt.Sprintf("%-8s median %4d ms of %d (%s)", f.Name, f.Median().Milliseconds(), len(f.Outages), strings.Join(all, ", "))
}

// Within tells whether the way's median is at most 10 % or 200 ms above the
// other's, the larger of the two.
func (f Figures) Within(base Figures) bool {
	return f.Median() <= base.Median()+max(base.Median()/10, 200*time.Millisecond)
}

// Compare upgrades a site in each way in turn, as often as the rounds say, and
// checks every time that it is the new version with the old content.
func Compare(ctx context.Context, c Config, ways ...Way) (_ []Figures, err error) {
	site, err := lab.InstallMiniflux(ctx, c.PG, c.From)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	want, err := site.Seed(ctx, c.Feeds, c.Items)
	if err != nil {
		return nil, err
	}
	if err := site.Stop(); err != nil {
		return nil, err
	}
	figures := make([]Figures, len(ways))
	for round := range c.Rounds {
		for i, way := range ways {
			o, err := one(ctx, c, way, site.DB, want)
			if err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", round+1, way.Name, err)
			}
			fmt.Fprintf(c.Log, "round %d, %s: %v\n", round+1, way.Name, o)
			figures[i].Name = way.Name
			figures[i].Outages = append(figures[i].Outages, o)
		}
	}
	return figures, nil
}

func one(ctx context.Context, c Config, way Way, db string, want lab.Content) (_ lab.Outage, err error) {
	s, err := lab.CopyOf(ctx, c.PG, c.From, db)
	if err != nil {
		return lab.Outage{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	poll := lab.Poll(s.Health())
	defer poll.Stop()
	if err := poll.AwaitGood(ctx); err != nil {
		return lab.Outage{}, err
	}
	if err := way.Upgrade(ctx, s); err != nil {
		return lab.Outage{}, err
	}
	if err := poll.AwaitGood(ctx); err != nil {
		return lab.Outage{}, err
	}
	o := poll.Stop()
	return o, proven(ctx, c, s, o, want)
}

// proven: an outage counts only if the upgrade was one.
func proven(ctx context.Context, c Config, s *lab.MinifluxSite, o lab.Outage, want lab.Content) error {
	if len(o.Spans) == 0 {
		return errors.New("cannot believe the measurement: users saw no outage at all")
	}
	version, err := s.Version(ctx)
	if err != nil {
		return err
	}
	if version != c.To.Version {
		return fmt.Errorf("cannot believe the measurement: the product runs %s, not %s", version, c.To.Version)
	}
	got, err := s.ReadBack(ctx)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("cannot believe the measurement: the content changed (-before +after):\n%s", diff)
	}
	return nil
}
