package plan

import (
	"slices"

	"upkeep/internal/manifest"
)

// RebootParams: this computer is rebooted, and the run goes on afterwards.
type RebootParams struct{}

// closedPhases are those in which the product is stopped: a reboot there leaves
// it so.
func closedPhases() []manifest.Phase {
	return []manifest.Phase{manifest.BeforeInstall, manifest.Install, manifest.ConfigPhase, manifest.Migrate, manifest.AfterInstall}
}

// rebootStep adds a reboot. It is refused where the run would not go on by
// itself, and where the product would not come back with the machine.
func (b *builder) rebootStep(ph manifest.Phase, s manifest.Step) {
	if why := b.in.Facts.Boot; why != "" {
		b.refuse("reboot at %s: the run would not go on by itself after it (%s): give upkeep setup-host first", s.Pos, why)
		return
	}
	if !slices.Contains(closedPhases(), ph) {
		for _, svc := range b.services() {
			u := b.in.Facts.Systemd[svc.ID]
			switch {
			case !svc.Systemd():
				b.refuse("reboot at %s, while the product runs: service %s does not start with the machine, so that it would not come back: reboot in the phase before-install or later, while it is stopped", s.Pos, svc.ID)
			case slices.Contains([]string{"disabled", "indirect", "masked"}, u.Start):
				b.refuse("reboot at %s, while the product runs: %s is %s, so that it would not come back: systemctl enable %s, or start it by hand after the reboot", s.Pos, u.Unit, u.Start, u.Unit)
			}
		}
	}
	b.add(Step{ID: "reboot", Verb: "reboot", Phase: string(ph), Class: Reversible, Redo: true, Down: !b.after(),
		Title: "reboot this computer; the run goes on when it has started"}, &RebootParams{})
}
