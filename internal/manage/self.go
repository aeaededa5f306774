package manage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/scratch"
	"upkeep/internal/selfupgrade"
	"upkeep/internal/site"
	"upkeep/internal/step"
	"upkeep/internal/version"
)

// ownProduct is the id of Upkeep as a product with releases of its own.
const ownProduct = "upkeep"

// platform is the component whose payload holds the program for this computer.
func platform() string { return runtime.GOOS + "-" + runtime.GOARCH }

// ownReleases is where releases of Upkeep come from.
type ownReleases interface {
	// Newest gives the version that there is to go to, or the wanted one; empty
	// where only the bundles themselves tell.
	Newest(ctx context.Context, wanted string) (string, error)
	// At gives the place of the bundle of that version, or of a folder of bundles,
	// and whose signature was checked; empty when none was.
	At(ctx context.Context, version string) (from, signed string, err error)
}

// atHand are releases in a folder or file, whose signatures nobody checks.
type atHand string

func (a atHand) Newest(context.Context, string) (string, error) { return "", nil }

func (a atHand) At(context.Context, string) (string, string, error) { return string(a), "", nil }

// SelfRequest says which release of Upkeep is wanted.
type SelfRequest struct {
	From string // folder or file of bundles; empty: as the computer's document says
	To   string // version; empty: the latest at hand
	// Check wants to know only whether there is one: what is wrong with it may
	// come out later.
	Check bool
}

// OwnUpgrade is an upgrade of Upkeep itself that is possible.
type OwnUpgrade struct {
	Program  string   `json:"program"` // path
	Now      string   `json:"now"`
	To       string   `json:"to"`
	UpToDate bool     `json:"up-to-date"`
	Release  string   `json:"release,omitempty"` // the bundle
	Digest   string   `json:"digest,omitempty"`
	Signed   string   `json:"signed,omitempty"` // whose signature was checked
	Kept     string   `json:"kept,omitempty"`   // where the program before will be
	Notes    []string `json:"notes,omitempty"`

	release Release
	payload string
	temp    *scratch.Dir
}

// Close removes what reading the release needed.
func (u *OwnUpgrade) Close() {
	if u != nil {
		_ = u.temp.Close() // the next one removes it, otherwise
	}
}

// Host reads what the administrator says of Upkeep on this computer; nil when
// there is no such document.
func (m *Machine) Host() (*site.Host, error) {
	for _, dir := range m.Folders {
		at := filepath.Join(dir, site.HostName)
		text, err := os.ReadFile(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read what this computer says of Upkeep: %w", err)
		}
		nodes, err := yaml.Parse(at, text)
		if err != nil {
			return nil, err
		}
		return site.DecodeHost(document.Source{Name: at, Text: text}, nodes)
	}
	return nil, nil
}

// NoOwnReleaseError says that nobody has said where releases of Upkeep are.
type NoOwnReleaseError struct{}

func (NoOwnReleaseError) Error() string {
	return "no release of Upkeep is at hand: name the folder or file of its bundle with --from, or write self: {feed: …} or self: {from: FOLDER} into /etc/upkeep/" + site.HostName
}

func (m *Machine) ownReleases(from string) (ownReleases, error) {
	if from != "" {
		return atHand(from), nil
	}
	h, err := m.Host()
	switch {
	case err != nil:
		return nil, err
	case h != nil && h.Self.Feed != nil:
		return m.ownFeed(h.Self.Feed)
	case h != nil && h.Self.From != "":
		return atHand(h.Self.From), nil
	}
	return nil, NoOwnReleaseError{}
}

// PrepareSelf finds the release of Upkeep that is wanted. What cannot be, or
// must not, is refused with a *RefusedError. It changes nothing.
func (m *Machine) PrepareSelf(ctx context.Context, req SelfRequest) (u *OwnUpgrade, err error) {
	src, err := m.ownReleases(req.From)
	if err != nil {
		return nil, err
	}
	u = &OwnUpgrade{Program: m.Exe, Now: Version(), Kept: selfupgrade.Kept(m.Exe)}
	if u.To, err = src.Newest(ctx, req.To); err != nil {
		return nil, err
	}
	if u.To != "" { // nothing needs to be fetched to say so
		c, err := manifest.Upkeeps().Compare(u.To, u.Now)
		if err != nil {
			return nil, fmt.Errorf("cannot compare this Upkeep with its release: %w", err)
		}
		if u.UpToDate = c == 0 || c < 0 && req.To == ""; u.UpToDate && c < 0 {
			u.Notes = append(u.Notes, newerThan(u.To))
		}
		if u.UpToDate || req.Check {
			return u, nil
		}
	}
	if u.temp, err = scratch.New(m.FS, "", "self"); err != nil {
		return nil, fmt.Errorf("cannot make a folder for reading the release: %w", err)
	}
	defer func() {
		if err != nil {
			u.Close()
			u = nil
		}
	}()
	var from string
	if from, u.Signed, err = src.At(ctx, u.To); err != nil {
		return u, err
	}
	in := &Installation{Doc: &site.Installation{ID: ownProduct, Product: ownProduct}, FS: m.FS}
	releases, err := in.OpenReleases(ctx, from, u.temp.Path)
	if err != nil {
		return u, err
	}
	if u.release, u.Notes, err = choose(releases, req.To); err != nil {
		return u, err
	}
	r := u.release.Release
	u.To, u.Release, u.Digest = r.Version, u.release.Bundle.Origin(), u.release.Bundle.Digest()
	order, err := plan.OrderOf(u.release.Product)
	if err != nil {
		return u, err
	}
	c, err := order.Compare(u.To, u.Now)
	switch {
	case err != nil:
		return u, fmt.Errorf("cannot compare this Upkeep with its release: %w", err)
	case c == 0:
		u.UpToDate = true
		return u, nil
	case c < 0 && req.From == "" && req.To == "":
		u.UpToDate = true
		u.Notes = append(u.Notes, newerThan(u.To))
		return u, nil
	case c < 0:
		return u, &RefusedError{What: fmt.Sprintf("Upkeep %s is not replaced by the older %s", u.Now, u.To),
			Reasons: []string{"an older Upkeep may not know what this one has written; upkeep self-upgrade --back puts the one before in place, if it can go on"}}
	}
	if reasons := u.hinder(ctx, order); len(reasons) > 0 {
		return u, &RefusedError{What: fmt.Sprintf("Upkeep is not upgraded from %s to %s", u.Now, u.To), Reasons: reasons}
	}
	return u, nil
}

func newerThan(latest string) string {
	return "this Upkeep is newer than the latest release at hand, " + latest
}

// hinder says what stands in the way of the exchange.
func (u *OwnUpgrade) hinder(ctx context.Context, order version.Order) (why []string) {
	r := u.release.Release
	within := func(text string) bool {
		set, err := order.ParseRange(text)
		if err != nil {
			return false // lint has looked at it
		}
		ok, err := set.Contains(u.Now)
		return err == nil && ok
	}
	var from []string
	reached := false
	for _, w := range r.Routes {
		from, reached = append(from, w.From), reached || within(w.From)
	}
	if !reached {
		why = append(why, fmt.Sprintf("it can be upgraded to from %s only: take one of these first (--to)", strings.Join(from, " or ")))
	}
	for _, b := range r.Blocked {
		if within(b.From) {
			why = append(why, b.Reason)
		}
	}
	if u.payload = r.Payloads[platform()]; u.payload == "" {
		have := slices.Sorted(func(yield func(string) bool) {
			for id := range r.Payloads {
				if !yield(id) {
					return
				}
			}
		})
		why = append(why, fmt.Sprintf("it has no program for %s, only for %s", platform(), strings.Join(have, ", ")))
	}
	if foreign := selfupgrade.Foreign(ctx, u.Program); foreign != "" {
		why = append(why, foreign)
	}
	return why
}

// UpgradeSelf exchanges the program, while no run is open and none can begin.
// Where it ends with an error the program before is in place, but for one that
// says otherwise.
func (m *Machine) UpgradeSelf(ctx context.Context, u *OwnUpgrade) (notes []string, err error) {
	return m.exchanging(ctx, func(p selfupgrade.Program) error {
		f, err := u.release.Bundle.FS().Open(u.payload)
		if err != nil {
			return fmt.Errorf("cannot read the program of Upkeep %s: %w", u.To, err)
		}
		defer f.Close()
		if err := selfupgrade.FromPayload(f.(io.Reader), p.Stage); err != nil {
			return errors.Join(fmt.Errorf("the release %s: %w", u.Release, err), p.Tidy())
		}
		return p.Exchange(ctx, u.To)
	})
}

// SelfBack puts the program in place that the last upgrade has kept, and gives
// its version.
func (m *Machine) SelfBack(ctx context.Context) (to string, notes []string, err error) {
	if foreign := selfupgrade.Foreign(ctx, m.Exe); foreign != "" {
		return "", nil, &RefusedError{What: "Upkeep is not taken back", Reasons: []string{foreign}}
	}
	notes, err = m.exchanging(ctx, func(p selfupgrade.Program) error {
		to, err = p.Back(ctx)
		if errors.Is(err, selfupgrade.ErrNothingKept) {
			return &RefusedError{What: "Upkeep is not taken back", Reasons: []string{"no program before this one is kept: it would be " + selfupgrade.Kept(m.Exe)}}
		}
		return err
	})
	return to, notes, err
}

// exchanging has nobody else exchange the program, and no run open. The notes
// say where that could not be looked at.
func (m *Machine) exchanging(ctx context.Context, do func(selfupgrade.Program) error) (notes []string, err error) {
	p := selfupgrade.Program{FS: m.FS, Path: m.Exe}
	release, err := p.Lock()
	if errors.Is(err, selfupgrade.ErrBusy) {
		return nil, &RefusedError{What: "Upkeep is not exchanged", Reasons: []string{"another self-upgrade is under way: wait until it has ended"}}
	}
	if err != nil {
		return nil, err
	}
	defer release()
	q, err := m.quiet(ctx)
	if err != nil {
		return nil, err
	}
	defer q.release()
	p.Ask = selfupgrade.Run(q.states)
	if err := p.Tidy(); err != nil {
		return q.notes, err
	}
	err = do(p)
	var unfit *selfupgrade.UnfitError
	if errors.As(err, &unfit) {
		now := "the program in use was not touched; get the release again, or ask its publisher"
		if unfit.Taken {
			now = "upkeep version says which is in place; ask the publisher of the release"
		}
		return q.notes, &step.UserError{Msg: unfit.Error(), Now: now}
	}
	return q.notes, err
}
