// Package packages is about software that the machine's own package manager
// installs: what is installed, what an installation would change, fetching,
// installing without a question, and which files all of that touches.
//
// The interface is owned here; managers implement it in folders of their own
// (apt, dnf, msi) and pass the contract suite in packagestest. It may import
// the standard library.
package packages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Package is an installed package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch,omitempty"`
	// Whole is false for one that is unpacked and not configured, half
	// installed, or waits for triggers.
	Whole bool `json:"whole"`
	// State is the manager's own word, as in half-configured.
	State string `json:"state,omitempty"`
	// Held: the administrator wants it to stay as it is.
	Held bool `json:"held,omitempty"`
}

// Change is what an installation does to one package.
type Change struct {
	Name string `json:"name"`
	Arch string `json:"arch,omitempty"`
	From string `json:"from,omitempty"` // empty: it comes new
	To   string `json:"to,omitempty"`   // empty: it is removed
}

func (c Change) String() string {
	switch {
	case c.From == "":
		return fmt.Sprintf("%s %s comes new", c.Name, c.To)
	case c.To == "":
		return fmt.Sprintf("%s %s is removed", c.Name, c.From)
	}
	return fmt.Sprintf("%s from %s to %s", c.Name, c.From, c.To)
}

// Want is what shall be installed: package files, and packages of the
// machine's own sources by name and version.
type Want struct {
	Files []string          // absolute paths
	Named map[string]string // name to exact version
}

// File is a package file as it could be installed.
type File struct {
	Path      string
	Name      string
	Version   string
	Arch      string
	Paths     []string          // absolute paths that it brings, directories without a slash at the end
	Conffiles map[string]string // configuration file to the MD5 of what it brings
}

// Conffile is a configuration file of an installed package.
type Conffile struct {
	Package string
	Path    string
	Shipped string // MD5 of what the installed package brought
	Now     string // MD5 of what is there; empty: it was removed
}

// Edited says that the site changed or removed it.
func (c Conffile) Edited() bool { return c.Shipped != c.Now }

// Policy is what becomes of configuration files that the site has edited and
// the new version brings changed.
type Policy string

// The policies. Either way nothing is lost: what does not win lies beside.
const (
	TakeNew Policy = "take-new" // the new version's wins
	Keep    Policy = "keep"     // the site's wins
)

// Options are how packages are installed.
type Options struct {
	Policy Policy
	Wait   time.Duration // for the manager's lock; 0: not at all
	// Automatic names those that are there only because others need them; all
	// others count as wanted for their own sake.
	Automatic []string
}

// Holder is the process that has the manager's lock.
type Holder struct {
	PID  int
	Name string
}

func (h Holder) String() string {
	if h.PID <= 0 {
		return "a process that cannot be seen from here"
	}
	return fmt.Sprintf("%s (process %d)", h.Name, h.PID)
}

// Manager is a package manager. Calls that change something are never made
// side by side.
type Manager interface {
	// Kind names the manager: apt, dnf, msi.
	Kind() string
	// Installed gives those of the named packages that are installed, whole or
	// not; all when none is named.
	Installed(ctx context.Context, names ...string) ([]Package, error)
	// Automatic gives those of the named packages that are installed only
	// because others need them.
	Automatic(ctx context.Context, names ...string) ([]string, error)
	// Inspect reads a package file.
	Inspect(ctx context.Context, path string) (File, error)
	// Resolve says what installing would change, and changes nothing.
	Resolve(ctx context.Context, w Want) ([]Change, error)
	// Download puts the files of changes into a folder, checked by the
	// manager's own signatures. What lies there already is not fetched again.
	Download(ctx context.Context, dir string, changes []Change) error
	// Install installs package files without a question. It converges when it
	// was interrupted and is called again.
	Install(ctx context.Context, files []string, o Options) error
	// Conffiles gives the configuration files of installed packages.
	Conffiles(ctx context.Context, names ...string) ([]Conffile, error)
	// Broken names the packages that are not whole, with what is wrong.
	Broken(ctx context.Context) ([]string, error)
	// Footprint lists the paths that the changes can touch, relative to the
	// machine's root, as files.Options.Include takes them: what the packages
	// own now, what the files bring, and the manager's own records.
	Footprint(ctx context.Context, changes []Change, files []File) ([]string, error)
	// Units names the services' units that the changes and files own.
	Units(ctx context.Context, changes []Change, files []File) ([]string, error)
	// Holder says who has the manager's lock; nil when nobody has.
	Holder(ctx context.Context) (*Holder, error)
}

// Command is a program that a manager runs.
type Command struct {
	Args   []string
	Env    []string // complete
	Dir    string
	Stdout io.Writer // nil: what it writes belongs in the log
}

// Exec runs a command to its end; an error says how it failed.
type Exec func(ctx context.Context, c Command) error

// ErrLocked is wrapped when the manager's lock was not free in time.
var ErrLocked = errors.New("the package manager is in use")

// WaitFree waits until nobody has the manager's lock, at most that long. tell
// hears once who has it.
func WaitFree(ctx context.Context, m Manager, most time.Duration, tell func(string)) error {
	const every = 200 * time.Millisecond
	ctx, cancel := context.WithTimeoutCause(ctx, max(most, time.Millisecond), ErrLocked)
	defer cancel()
	told := ""
	for {
		h, err := m.Holder(context.WithoutCancel(ctx))
		if err != nil || h == nil {
			return err
		}
		if told != h.String() && tell != nil {
			told = h.String()
			tell(fmt.Sprintf("waiting for %s, which has the package manager's lock, for at most %s", h, most))
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrLocked) {
				return fmt.Errorf("%w: %s has had its lock for %s", ErrLocked, h, most)
			}
			return context.Cause(ctx)
		case <-time.After(every):
		}
	}
}
