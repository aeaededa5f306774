package manage

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// startUnit is the stem of the units that start a scheduled upgrade of an
// installation.
const startUnit = "upkeep-start-"

// The engine of the upgrade has a scope of its own, and outlives the service.
const startServiceText = `# Written by upkeep upgrade --at; upkeep schedule cancel takes it away.
[Unit]
Description=Upkeep: start the scheduled upgrade of %[1]s
Wants=network-online.target
After=network-online.target upkeep-recover.service

[Service]
Type=oneshot
ExecStart=%[2]s --installation %[3]s schedule start
KillMode=process
`

// Persistent: a time at which the computer was off is noticed when it is on again,
// and told; the upgrade is not begun then.
const startTimerText = `# Written by upkeep upgrade --at; upkeep schedule cancel takes it away.
[Unit]
Description=Upkeep: the scheduled upgrade of %[1]s

[Timer]
%[2]sAccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
`

// SetStartTimer has the scheduled upgrade of an installation started at moments: the
// last is its own, at those before people are told of it.
func (m *Machine) SetStartTimer(ctx context.Context, id, document string, at []time.Time) ([]string, error) {
	var lines strings.Builder
	for _, t := range at {
		fmt.Fprintf(&lines, "OnCalendar=%s\n", t.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return m.setTimer(ctx, timer{startUnit + id, fmt.Sprintf(startServiceText, id, systemdQuote(m.Exe), systemdQuote(document)), fmt.Sprintf(startTimerText, id, lines.String())})
}

// EndStartTimer takes the timer away. A start that is under way is finished.
func (m *Machine) EndStartTimer(ctx context.Context, id string) ([]string, error) {
	return m.endTimer(ctx, startUnit+id)
}
