// Package msi is Windows Installer: msiexec for installing, and the objects
// that it has for scripts, read through PowerShell, for everything else.
//
// It was never run on Windows: its commands are tested with a program that
// stands in for both. What Windows Installer writes into the registry is in no
// footprint, so there is no way back yet that a plan could promise, and no plan
// chooses it.
//
// It may import internal/packages and the standard library.
package msi

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/packages"
)

// Config says which machine.
type Config struct{ Exec packages.Exec }

// Manager implements packages.Manager.
type Manager struct{ c Config }

var _ packages.Manager = (*Manager)(nil)

// ErrRestart is wrapped when everything was installed, and files that were in
// use are replaced only when Windows starts anew.
var ErrRestart = errors.New("Windows must be restarted before the new files are in use") //nolint:staticcheck // a name

// New makes the value; nothing is touched.
func New(c Config) *Manager { return &Manager{c} }

// Kind is "msi".
func (m *Manager) Kind() string { return "msi" }

const (
	system     = `C:\Windows\System32`
	powershell = system + `\WindowsPowerShell\v1.0\powershell.exe`
)

func env() []string {
	return []string{`SystemRoot=C:\Windows`, `SystemDrive=C:`, `PATH=` + system, `ComSpec=` + system + `\cmd.exe`, `TEMP=C:\Windows\Temp`, `TMP=C:\Windows\Temp`}
}

// functions are what is asked through PowerShell. They hold no double quotes,
// which Windows would want escaped.
//
//go:embed msi.ps1
var functions string

// ask calls one of the functions and gives its lines, split at tabs.
func (m *Manager) ask(ctx context.Context, call string, args ...string) ([][]string, error) {
	for _, a := range args {
		if strings.ContainsAny(a, "\"\r\n") {
			return nil, fmt.Errorf("Windows Installer cannot be asked for %q", a) //nolint:staticcheck // a name
		}
		call += " '" + strings.ReplaceAll(a, "'", "''") + "'"
	}
	var b bytes.Buffer
	err := m.c.Exec(ctx, packages.Command{Args: []string{powershell, "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", functions + call}, Env: env(), Stdout: &b})
	if err != nil {
		return nil, err
	}
	var out [][]string
	for line := range strings.Lines(strings.TrimPrefix(b.String(), "\ufeff")) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			out = append(out, strings.Split(line, "\t"))
		}
	}
	return out, nil
}

// product is an installed product with its code.
type product struct {
	packages.Package
	code string
}

// states of a product, as Windows Installer counts them.
var states = map[string]string{"1": "advertised", "2": "installed for another user", "5": "installed"}

// products gives all that the machine has, and the file of an installation that
// was interrupted.
func (m *Manager) products(ctx context.Context) (list []product, suspended string, err error) {
	lines, err := m.ask(ctx, "Installed")
	if err != nil {
		return nil, "", fmt.Errorf("cannot list the installed products: %w", err)
	}
	for _, f := range lines {
		switch {
		case f[0] == "suspended":
			if suspended = strings.Join(f[1:], " "); suspended == "" {
				suspended = "a product"
			}
		case f[0] == "product" && len(f) == 6:
			p := packages.Package{Name: f[2], Version: f[3], Arch: f[4], State: states[f[5]], Whole: f[5] == "5"}
			if p.State == "" {
				p.State = "in state " + f[5]
			}
			list = append(list, product{p, f[1]})
		default:
			return nil, "", fmt.Errorf("cannot read what Windows Installer says: %q", f)
		}
	}
	return list, suspended, nil
}

// Installed asks Windows Installer. A package's name is its product's name.
func (m *Manager) Installed(ctx context.Context, names ...string) ([]packages.Package, error) {
	list, _, err := m.products(ctx)
	var out []packages.Package
	for _, p := range list {
		if len(names) == 0 || slices.Contains(names, p.Name) {
			out = append(out, p.Package)
		}
	}
	return out, err
}

// Automatic is empty: Windows Installer knows no dependencies.
func (m *Manager) Automatic(context.Context, ...string) ([]string, error) { return nil, nil }

// Broken names products that are not whole, and an installation that was
// interrupted.
func (m *Manager) Broken(ctx context.Context) ([]string, error) {
	list, suspended, err := m.products(ctx)
	var out []string
	if suspended != "" {
		out = append(out, "an installation was interrupted: "+suspended)
	}
	for _, p := range list {
		if !p.Whole {
			out = append(out, fmt.Sprintf("%s %s is %s", p.Name, p.Version, p.State))
		}
	}
	return out, err
}

// Holder is whoever installs now; Windows lets only one.
func (m *Manager) Holder(ctx context.Context) (*packages.Holder, error) {
	lines, err := m.ask(ctx, "Busy")
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	h := &packages.Holder{Name: "msiexec"}
	if f := lines[0]; len(f) == 2 {
		h.PID, err = strconv.Atoi(f[1])
	}
	return h, err
}
