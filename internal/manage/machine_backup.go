package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/step"
)

// BackupTimes are how often a timer can have a restore point made: words of
// systemd.time(7).
func BackupTimes() []string { return []string{"hourly", "daily", "weekly", "monthly"} }

// backupUnit is the stem of the units that have restore points of an
// installation made.
const backupUnit = "upkeep-backup-"

const backupServiceText = `# Written by upkeep setup-host; upkeep remove-host takes it away.
[Unit]
Description=Upkeep: a restore point of %[1]s
After=upkeep-recover.service

[Service]
Type=oneshot
ExecStart=%[2]s --installation %[3]s backup create --timer
`

const backupTimerText = `# Written by upkeep setup-host; upkeep remove-host takes it away.
[Unit]
Description=Upkeep: a restore point of %[1]s, %[2]s

[Timer]
OnCalendar=%[2]s
RandomizedDelaySec=30min
Persistent=true

[Install]
WantedBy=timers.target
`

// timerFiles are the units of an installation's timer, the link last.
func (m *Machine) timerFiles(id, document, every string) []file {
	dir := filepath.Join(m.Root, "etc/systemd/system")
	stem := backupUnit + id
	return []file{
		{path: filepath.Join(dir, stem+".service"), text: fmt.Sprintf(backupServiceText, id, systemdQuote(m.Exe), systemdQuote(document))},
		{path: filepath.Join(dir, stem+".timer"), text: fmt.Sprintf(backupTimerText, id, every)},
		{path: filepath.Join(dir, "timers.target.wants", stem+".timer"), link: "../" + stem + ".timer"},
	}
}

// SetTimer has restore points of an installation made every so often, and says
// what it wrote; nothing when all was there.
func (m *Machine) SetTimer(ctx context.Context, id, document, every string) ([]string, error) {
	if !slices.Contains(BackupTimes(), every) {
		return nil, &step.UserError{Msg: fmt.Sprintf("a timer cannot be %q", every), Now: "say " + strings.Join(BackupTimes(), ", ") + ", or never to take it away"}
	}
	if err := m.lasting(); err != nil {
		return nil, err
	}
	var wrote []string
	for _, f := range m.timerFiles(id, document, every) {
		if m.has(f) {
			continue
		}
		if err := m.make(f); err != nil {
			return wrote, fmt.Errorf("cannot install the timer: %w", err)
		}
		wrote = append(wrote, f.path)
	}
	if len(wrote) == 0 {
		return nil, nil
	}
	if err := m.Systemd.Reload(ctx); err != nil {
		return wrote, err
	}
	timer := backupUnit + id + ".timer"
	if err := m.Systemd.End(ctx, timer); err != nil { // it may run, by another calendar
		return wrote, fmt.Errorf("cannot stop %s: %w", timer, err)
	}
	if err := m.Systemd.Begin(ctx, timer); err != nil {
		return wrote, fmt.Errorf("cannot start %s: %w", timer, err)
	}
	return wrote, nil
}

// EndTimer takes the timer of an installation away, and says which files are
// gone. A restore point that is being made is finished.
func (m *Machine) EndTimer(ctx context.Context, id string) ([]string, error) {
	gone, err := m.dropTimer(ctx, backupUnit+id)
	if err != nil || len(gone) == 0 {
		return gone, err
	}
	return gone, m.Systemd.Reload(ctx)
}

// dropTimer stops a timer and removes its units.
func (m *Machine) dropTimer(ctx context.Context, stem string) ([]string, error) {
	var gone []string
	list := m.timerFiles(strings.TrimPrefix(stem, backupUnit), "", "")
	if _, err := m.FS.Lstat(list[1].path); err == nil {
		if err := m.Systemd.End(ctx, stem+".timer"); err != nil {
			return nil, fmt.Errorf("cannot stop %s.timer: %w", stem, err)
		}
	}
	for _, f := range slices.Backward(list) {
		err := m.FS.Remove(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return gone, fmt.Errorf("cannot take the timer away: %w", err)
		}
		gone = append(gone, f.path)
	}
	return gone, nil
}

// timers are the stems of all timers on this machine, also of installations that
// are not known any more.
func (m *Machine) timers() ([]string, error) {
	dir := filepath.Join(m.Root, "etc/systemd/system")
	list, err := m.FS.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot see which timers there are: %w", err)
	}
	var out []string
	for _, e := range list {
		if stem, _, _ := strings.Cut(e.Name, "."); strings.HasPrefix(e.Name, backupUnit) && !slices.Contains(out, stem) {
			out = append(out, stem)
		}
	}
	return out, nil
}
