package manage

import (
	"context"
	"fmt"
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

// timer is a unit of systemd that is started every so often.
type timer struct{ stem, service, timer string }

func (m *Machine) backupTimer(id, document, every string) timer {
	return timer{backupUnit + id, fmt.Sprintf(backupServiceText, id, systemdQuote(m.Exe), systemdQuote(document)), fmt.Sprintf(backupTimerText, id, every)}
}

// SetTimer has restore points of an installation made every so often, and says
// what it wrote; nothing when all was there.
func (m *Machine) SetTimer(ctx context.Context, id, document, every string) ([]string, error) {
	if !slices.Contains(BackupTimes(), every) {
		return nil, &step.UserError{Msg: fmt.Sprintf("a timer cannot be %q", every), Now: "say " + strings.Join(BackupTimes(), ", ") + ", or never to take it away"}
	}
	return m.setTimer(ctx, m.backupTimer(id, document, every))
}

// EndTimer takes the timer of an installation away, and says which files are
// gone. A restore point that is being made is finished.
func (m *Machine) EndTimer(ctx context.Context, id string) ([]string, error) {
	return m.endTimer(ctx, backupUnit+id)
}
