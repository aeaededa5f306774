package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/service/systemd"
	"upkeep/internal/step"
)

// HubUnit is the unit of the page.
const HubUnit = "upkeep-hub.service"

// PageAccount is whose the page's process is where root starts the hub.
const PageAccount = "upkeep-page"

// hubStarts is how long the unit may take to start.
const hubStarts = 30 * time.Second

// The engine side starts the engines of runs, and they have to have every right
// that they have from a terminal; so nothing of systemd's fences is put around
// this unit. They are in a scope of their own when they carry a run on, and stay
// when the unit ends. The page's process fences itself in.
const hubText = `# Written by upkeep setup-host; upkeep remove-host takes it away.
[Unit]
Description=Upkeep: the page
RequiresMountsFor=/var/lib/upkeep
After=network.target
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart=%s hub%s
KillMode=process
Restart=on-failure
RestartSec=1
# called the wrong way: it would be wrong again
RestartPreventExitStatus=2
TimeoutStartSec=20
TimeoutStopSec=15

[Install]
WantedBy=multi-user.target
`

// hubFiles are the unit of the page, the link last. Args are those of upkeep hub.
func (m *Machine) hubFiles(args []string) []file {
	dir := filepath.Join(m.Root, "etc/systemd/system")
	var line strings.Builder
	for _, a := range args {
		line.WriteString(" " + systemdQuote(a))
	}
	return []file{
		{path: filepath.Join(dir, HubUnit), text: fmt.Sprintf(hubText, systemdQuote(m.Exe), line.String())},
		{path: filepath.Join(dir, "multi-user.target.wants", HubUnit), link: "../" + HubUnit},
	}
}

// HubInstalled says whether there is a unit of the page on this machine.
func (m *Machine) HubInstalled() bool {
	_, err := m.FS.Lstat(m.hubFiles(nil)[0].path)
	return err == nil
}

// SetHub installs the unit of the page and starts it, with these arguments of
// upkeep hub, and says what it wrote; nothing when all was there. One that does
// not start stays installed, and the error says why.
func (m *Machine) SetHub(ctx context.Context, args []string) ([]string, error) {
	if err := m.lasting(); err != nil {
		return nil, err
	}
	for _, a := range args {
		if strings.ContainsFunc(a, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, &step.UserError{Msg: fmt.Sprintf("no unit can have the argument %q", a)}
		}
	}
	var wrote []string
	for _, f := range m.hubFiles(args) {
		if m.has(f) {
			continue
		}
		if err := m.make(f); err != nil {
			return wrote, fmt.Errorf("cannot install the unit of the page: %w", err)
		}
		wrote = append(wrote, f.path)
	}
	ctx, cancel := context.WithTimeout(ctx, hubStarts)
	defer cancel()
	if len(wrote) > 0 {
		if err := m.Systemd.Reload(ctx); err != nil {
			return wrote, err
		}
		if err := m.Systemd.End(ctx, HubUnit); err != nil { // it may run, with other arguments
			return wrote, fmt.Errorf("cannot stop %s: %w", HubUnit, err)
		}
	}
	if err := m.Systemd.Start(ctx, HubUnit); err != nil {
		return wrote, &step.UserError{Msg: fmt.Sprintf("the page does not start (%s): %v", HubUnit, err), Now: "mend that, then upkeep setup-host --hub, with --listen 127.0.0.1:PORT where it is about the address"}
	}
	return wrote, nil
}

// EndHub stops the page and takes its unit away, and says which files are gone.
// Runs go on.
func (m *Machine) EndHub(ctx context.Context) ([]string, error) {
	gone, err := m.dropHub(ctx)
	if err != nil || len(gone) == 0 {
		return gone, err
	}
	return gone, m.Systemd.Reload(ctx)
}

func (m *Machine) dropHub(ctx context.Context) ([]string, error) {
	var gone []string
	list := m.hubFiles(nil)
	if m.HubInstalled() {
		if err := m.Systemd.End(ctx, HubUnit); err != nil {
			return nil, fmt.Errorf("cannot stop %s: %w", HubUnit, err)
		}
	}
	for _, f := range slices.Backward(list) {
		err := m.FS.Remove(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return gone, fmt.Errorf("cannot take the unit of the page away: %w", err)
		}
		gone = append(gone, f.path)
	}
	return gone, nil
}

// hubDown says why the page of this machine does not run, where it is set up to;
// otherwise nothing.
func hubDown(ctx context.Context, exe string) string {
	if !systemd.Booted() || !NewMachine(exe).HubInstalled() {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s := systemd.NewMachine()
	defer s.Close() // a hub asks again and again
	return s.Down(ctx, HubUnit)
}

// lookHub finds that the page is set up and does not run.
func lookHub(ctx context.Context, c *consultation) ([]Symptom, error) {
	if c.status.HubDown == "" {
		return nil, nil
	}
	return []Symptom{{ID: "hub-down", Text: "the page is set up on this computer (" + HubUnit + "), and does not run", Evidence: c.status.HubDown,
		Try: []Remedy{{Command: []string{"journalctl", "-u", HubUnit, "-n", "20"}, Text: "says what it said last", Shows: true},
			{Command: []string{"systemctl", "restart", HubUnit}, Text: "starts it, once that is mended"}}}}, nil
}
