package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service/systemd"
	"upkeep/internal/step"
)

// The units that setup-host installs: one puts the gate up before there is a
// network and before any product starts, the other carries interrupted runs on
// when everything else has started. They are two because a unit that the
// product's units wait for must not itself start those units.
const (
	gateUnit    = "upkeep-gate.service"
	recoverUnit = "upkeep-recover.service"
)

// Machine is this computer as setup-host prepares it.
type Machine struct {
	FS      durable.FS
	Root    string // of its files, "/" but in tests
	Exe     string // this program
	Folders []string
	Systemd interface {
		Reload(ctx context.Context) error
		Begin(ctx context.Context, unit string) error
		End(ctx context.Context, unit string) error
		// Start waits until a unit has started; the error says why it has not.
		Start(ctx context.Context, unit string) error
	}
}

// NewMachine is this computer.
func NewMachine(exe string) *Machine {
	return &Machine{FS: realFiles(), Root: "/", Exe: exe, Folders: Folders(), Systemd: systemd.NewMachine()}
}

// file is a file or a link that setup-host makes.
type file struct {
	path string
	text string // of a file
	link string // target of a link
}

// files are what setup-host makes, in order.
func (m *Machine) files() []file {
	dir := filepath.Join(m.Root, "etc/systemd/system")
	return []file{
		{path: filepath.Join(dir, gateUnit), text: fmt.Sprintf(gateText, systemdQuote(m.Exe))},
		{path: filepath.Join(dir, recoverUnit), text: fmt.Sprintf(recoverText, systemdQuote(m.Exe))},
		{path: filepath.Join(dir, "sysinit.target.wants", gateUnit), link: "../" + gateUnit},
		{path: filepath.Join(dir, "multi-user.target.wants", recoverUnit), link: "../" + recoverUnit},
	}
}

// systemdQuote writes a path as a command line of a unit takes it
// (systemd.service(5)).
func systemdQuote(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`).Replace(path) + `"`
}

const gateText = `# Written by upkeep setup-host; upkeep remove-host takes it away.
[Unit]
Description=Upkeep: keep users out of products in the middle of an upgrade
DefaultDependencies=no
RequiresMountsFor=/var/lib/upkeep
After=local-fs.target systemd-sysctl.service nftables.service netfilter-persistent.service
Wants=network-pre.target
Before=network-pre.target sysinit.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=notify
NotifyAccess=main
ExecStart=%s recover --gate
TimeoutStartSec=30

[Install]
WantedBy=sysinit.target
`

const recoverText = `# Written by upkeep setup-host; upkeep remove-host takes it away.
[Unit]
Description=Upkeep: carry on with upgrades that were interrupted
RequiresMountsFor=/var/lib/upkeep
After=upkeep-gate.service network-online.target multi-user.target

[Service]
Type=exec
ExecStart=%s recover
KillMode=process

[Install]
WantedBy=multi-user.target
`

// missing lists what of setup-host is not there, or not as it would be made.
func (m *Machine) missing() []string {
	var out []string
	for _, f := range m.files() {
		if !m.has(f) {
			out = append(out, f.path)
		}
	}
	return out
}

func (m *Machine) has(f file) bool {
	if f.link != "" {
		target, err := m.FS.Readlink(f.path)
		return err == nil && target == f.link
	}
	raw, err := m.FS.ReadFile(f.path)
	return err == nil && string(raw) == f.text
}

// installed says whether units of setup-host are there at all, of whatever
// version of Upkeep.
func (m *Machine) installed() bool {
	for _, f := range m.files() {
		if _, err := m.FS.Lstat(f.path); err != nil {
			return false
		}
	}
	return true
}

// Setup installs the boot units, and says what it wrote; nothing when all was
// there. It is idempotent.
func (m *Machine) Setup(ctx context.Context) ([]string, error) {
	if err := m.lasting(); err != nil {
		return nil, err
	}
	var wrote []string
	for _, f := range m.files() {
		if m.has(f) {
			continue
		}
		if err := m.make(f); err != nil {
			return wrote, fmt.Errorf("cannot install the boot units: %w", err)
		}
		wrote = append(wrote, f.path)
	}
	if len(wrote) == 0 {
		return nil, nil
	}
	return wrote, m.Systemd.Reload(ctx)
}

// lasting refuses to write a program into units that will not be there later.
func (m *Machine) lasting() error {
	for _, dir := range []string{"/tmp", "/var/tmp", "/run", "/dev/shm"} {
		if strings.HasPrefix(m.Exe, dir+"/") {
			return &step.UserError{Msg: fmt.Sprintf("this upkeep is %s, which the next boot may not find any more", m.Exe),
				Now: "install it first, as in /usr/local/bin/upkeep, and give the command with that"}
		}
	}
	return nil
}

func (m *Machine) make(f file) error {
	if err := m.FS.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	if f.link == "" {
		return m.FS.WriteFile(f.path, []byte(f.text), 0o644)
	}
	return m.FS.SwapLink(f.path, f.link)
}

// Removed is what remove-host did.
type Removed struct {
	Gone []string // files
	Left []string // what stays, in words
}

// Remove takes away what Setup made, and the register. It refuses while a run
// is open, and while Upkeep keeps a unit from starting: nothing would end that.
func (m *Machine) Remove(ctx context.Context) (Removed, error) {
	var r Removed
	dir := filepath.Join(m.Root, register)
	docs, err := enrolled(m.FS, dir, m.Folders)
	if err != nil {
		return r, err
	}
	for _, doc := range docs {
		left, err := m.settled(ctx, doc)
		if err != nil {
			return r, err
		}
		r.Left = append(r.Left, left...)
	}
	held, err := filepath.Glob(filepath.Join(m.Root, "etc/systemd/system", "*.d", systemd.DropIns))
	if err != nil {
		return r, err
	}
	if len(held) > 0 {
		return r, &step.UserError{Msg: "Upkeep keeps units of this machine from starting: " + strings.Join(held, ", "),
			Now: "end what is under way first: upkeep status says what that is"}
	}
	for _, unit := range []string{recoverUnit, gateUnit} {
		if !m.installed() {
			break
		}
		if err := m.Systemd.End(ctx, unit); err != nil {
			return r, fmt.Errorf("cannot stop %s: %w", unit, err)
		}
	}
	timers, err := m.timers()
	if err != nil {
		return r, err
	}
	for _, stem := range timers {
		gone, err := m.dropTimer(ctx, stem)
		r.Gone = append(r.Gone, gone...)
		if err != nil {
			return r, err
		}
	}
	hub := m.HubInstalled()
	gone, err := m.dropHub(ctx)
	r.Gone = append(r.Gone, gone...)
	if err != nil {
		return r, err
	}
	if hub {
		r.Left = append(r.Left, "the account "+PageAccount+" of the page, where it was made: userdel "+PageAccount)
	}
	list := m.files()
	for i := len(list) - 1; i >= 0; i-- {
		err := m.FS.Remove(list[i].path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return r, fmt.Errorf("cannot take the boot units away: %w", err)
		}
		r.Gone = append(r.Gone, list[i].path)
	}
	if _, err := m.FS.Lstat(dir); err == nil {
		if err := m.FS.RemoveAll(dir); err != nil {
			return r, fmt.Errorf("cannot take the register of installations away: %w", err)
		}
		r.Gone = append(r.Gone, dir)
	}
	if len(r.Gone) == 0 {
		return r, nil
	}
	return r, m.Systemd.Reload(ctx)
}

// settled refuses while a run of the installation is open, and says what stays
// of the installation.
func (m *Machine) settled(ctx context.Context, doc string) ([]string, error) {
	if _, err := m.FS.Lstat(doc); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	in, err := Open(doc, m.Exe)
	if err != nil {
		return nil, fmt.Errorf("cannot tell whether a run is open: %w", err)
	}
	r, err := in.OpenRun(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot tell whether a run of %s is open: %w", doc, err)
	}
	if r != nil {
		return nil, &step.UserError{Msg: fmt.Sprintf("run %s of %s is open", r.ID, doc),
			Now: fmt.Sprintf("upkeep --installation %s resume goes on with it, upkeep --installation %s back undoes it", doc, doc)}
	}
	left := []string{"the installation document " + doc}
	if _, err := m.FS.Lstat(in.State); err == nil {
		left = append(left, "its state: journal, runs, bundles, in "+in.State)
	}
	if _, err := m.FS.Lstat(in.Backup); err == nil {
		left = append(left, "its restore points in "+in.Place())
	}
	return left, nil
}

// computer is this computer, for the verb that reboots it.
type computer struct{}

// BootID implements reboot.Computer.
func (computer) BootID() (string, error) { return proc.BootID() }

// Reboot implements reboot.Computer.
func (computer) Reboot(ctx context.Context) error {
	if err := systemd.NewMachine().Reboot(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// BootUnits says why a run would not go on by itself after a reboot; nothing
// when it would.
func (in *Installation) BootUnits() string {
	switch {
	case !systemd.Booted():
		return "systemd does not run this machine"
	case !in.Root:
		return "only runs of root are carried on at boot"
	case !NewMachine(in.Exe).installed():
		return "upkeep setup-host was not given on this machine"
	}
	return ""
}
