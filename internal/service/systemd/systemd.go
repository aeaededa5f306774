// Package systemd is the service kind for units of systemd, over D-Bus: what
// the machine's own service manager runs is stopped, kept from starting and
// started through it, and never beside it.
//
// A unit is found by Spec.Names, the first that is loaded, and then by
// ID.service. Its invocation id (systemd.exec(5), INVOCATION_ID) tells one
// start from another.
//
// An inhibit is a drop-in under /etc/systemd/system with an assertion on a file
// of the installation's state (systemd.unit(5), AssertPathExists): it holds
// against boot, dependencies, sockets, timers and people, and says where the
// reason stands. Without that file, as when Upkeep's state was removed, nothing
// keeps the unit from starting. What would start the unit again (sockets,
// timers, paths) and what stops together with it is noted durably and put back.
// Nothing that the administrator masked or disabled is ever unmasked or enabled.
//
// It works on Linux, for units of the machine; elsewhere every method says that
// it cannot. It may import the standard library, go-systemd and godbus,
// internal/durable, internal/plan, internal/scope/kin, internal/scope/proc and
// internal/service.
package systemd

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/service"
)

// Options of a Manager.
type Options struct {
	FS           durable.FS
	Dir          string        // state of the installation's services, absolute; made when needed
	Installation string        // its name
	Root         string        // of the machine's files; "" = /
	Socket       string        // of systemd; "" = its private one for root, the system bus for others
	Settle       time.Duration // Start watches this long whether a unit that is ready at once also stays; 0 = 20 ms
}

func (o *Options) check() error {
	if !filepath.IsAbs(o.Dir) {
		return fmt.Errorf("cannot manage services: %q is not a whole path", o.Dir)
	}
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Settle <= 0 {
		o.Settle = 20 * time.Millisecond
	}
	return nil
}

// MaskedError says that the administrator has masked a unit.
type MaskedError struct{ Service, Unit string }

func (e *MaskedError) Error() string {
	return fmt.Sprintf("cannot start %s: the administrator has masked %s, and Upkeep does not take that back: systemctl unmask %s allows it", e.Service, e.Unit, e.Unit)
}

// Candidates are the units that a service may be, in the order in which they
// count. A name without a suffix is that of a service.
func Candidates(s service.Spec) []string {
	var out []string
	for _, n := range append(append([]string{}, s.Names...), s.ID) {
		n = unitName(n)
		if n != "" && !contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// suffixes are the kinds of units that a service of a product can be.
func suffixes() []string {
	return []string{".service", ".socket", ".target", ".timer", ".path", ".mount", ".slice", ".scope"}
}

// unitName completes a name; one that cannot be a unit's is none: alternative
// names may be those of another system's service manager.
func unitName(n string) string {
	for _, suffix := range suffixes() {
		if strings.HasSuffix(n, suffix) {
			return valid(n)
		}
	}
	return valid(n + ".service")
}

// valid follows unit_name_is_valid of systemd: letters, digits, :-_.\@ and at
// most 255 bytes.
func valid(n string) string {
	if len(n) > 255 || strings.HasPrefix(n, ".") || strings.HasPrefix(n, "@") {
		return ""
	}
	for _, r := range n {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`:-_.\@`, r)
		if !ok {
			return ""
		}
	}
	return n
}

// Marks of Upkeep's drop-ins, for whoever looks for them.
const (
	dropInPrefix = "90-upkeep-"
	unitDir      = "etc/systemd/system"
)

// dropIn is the text of a drop-in that keeps a unit from starting while the
// file at path exists. The state's volume is mounted first.
func dropIn(installation, path string) []byte {
	escaped := strings.ReplaceAll(path, "%", "%%")
	return []byte(`# Written by Upkeep for the installation ` + oneLine(installation) + `, and removed by it.
# This unit must stay stopped for now: the file below says why.
# To see what goes on: upkeep status
[Unit]
RequiresMountsFor=` + quoted(filepath.Dir(escaped)) + `
AssertPathExists=!` + escaped + `
`)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}

// quoted writes a path for a list of paths (systemd.syntax(7)).
func quoted(p string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
}

// dropInPath is where a unit's drop-in lies.
func dropInPath(root, unit, installation string) string {
	return filepath.Join(root, unitDir, unit+".d", dropInPrefix+fileName(installation)+".conf")
}

func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' {
			return '_'
		}
		return r
	}, s)
}

// DropIns is the pattern of the names of Upkeep's drop-ins.
const DropIns = dropInPrefix + "*.conf"
