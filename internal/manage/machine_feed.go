package manage

import (
	"context"
	"fmt"
	"time"

	"upkeep/internal/step"
)

// feedUnit is the stem of the units that have somebody look for releases of an
// installation.
const feedUnit = "upkeep-feed-"

// The engine of an upgrade that it begins has a scope of its own, and outlives it.
const feedServiceText = `# Written by upkeep setup-host; upkeep remove-host takes it away.
[Unit]
Description=Upkeep: look for releases of %[1]s
Wants=network-online.target
After=network-online.target upkeep-recover.service

[Service]
Type=oneshot
ExecStart=%[2]s --installation %[3]s feed refresh --scheduled
KillMode=process
`

const feedTimerText = `# Written by upkeep setup-host; upkeep remove-host takes it away.
[Unit]
Description=Upkeep: look for releases of %[1]s, every %[2]s

[Timer]
OnActiveSec=1min
OnUnitInactiveSec=%[3]ds
RandomizedDelaySec=%[4]ds

[Install]
WantedBy=timers.target
`

// feedTimes are words for how often, beside spans.
func feedTimes() map[string]time.Duration {
	return map[string]time.Duration{"hourly": time.Hour, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour}
}

// What a timer may be set to. A vendor's server is asked by every customer.
const (
	feedOftenest = 10 * time.Minute
	feedRarest   = 31 * 24 * time.Hour
)

// SetFeedTimer has somebody look for releases of an installation every so often: a
// word or a span such as 20m. It says what it wrote; nothing when all was there.
func (m *Machine) SetFeedTimer(ctx context.Context, id, document, every string) ([]string, error) {
	d, word := feedTimes()[every]
	if !word {
		var err error
		if d, err = time.ParseDuration(every); err != nil || d < feedOftenest || d > feedRarest {
			return nil, &step.UserError{Msg: fmt.Sprintf("a timer cannot look %q", every), Now: "say hourly, daily, weekly, a span from 10m on, or never to take it away"}
		}
	}
	seconds := int(d / time.Second)
	return m.setTimer(ctx, timer{feedUnit + id, fmt.Sprintf(feedServiceText, id, systemdQuote(m.Exe), systemdQuote(document)),
		fmt.Sprintf(feedTimerText, id, every, seconds, seconds/4)})
}

// EndFeedTimer takes the timer away, and says which files are gone. A look that is
// under way is finished.
func (m *Machine) EndFeedTimer(ctx context.Context, id string) ([]string, error) {
	return m.endTimer(ctx, feedUnit+id)
}
