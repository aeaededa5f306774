package plan

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"upkeep/internal/manifest"
)

// noteStopped says that a service did not run before the run, and why where
// systemd tells.
func (b *builder) noteStopped(id string) {
	switch u := b.in.Facts.Systemd[id]; {
	case u.Load == "not-found":
		b.noteOnce("service %s: there is no unit %s on this machine, so there is nothing to stop and to start", id, u.Unit)
	case u.Load == "masked":
		b.noteOnce("service %s is masked by the administrator: the run leaves it so", id)
	default:
		b.noteOnce("service %s was not running before: the run leaves it stopped", id)
	}
}

// refuseService refuses a service that the run could not stop, or not start
// again.
func (b *builder) refuseService(s *Service) {
	switch u := b.in.Facts.Systemd[s.ID]; {
	case !s.Systemd():
		if b.in.Facts.Root && s.As == "" {
			b.refuse("service %s has no account: say as: ACCOUNT; root must be written", s.ID)
		}
	case !b.in.Facts.Root:
		b.refuse("service %s is a unit of systemd, which only root can stop and start: start Upkeep as root", s.ID)
	case u.Load == "masked":
		b.refuse("service %s must start again after the upgrade, and the administrator has masked %s, which Upkeep does not take back: systemctl unmask %s, or stop it if it is to stay down", s.ID, u.Unit, u.Unit)
	case u.Broken != "":
		b.refuse("service %s must start again after the upgrade, and systemd cannot start %s: %s: mend its unit file first", s.ID, u.Unit, u.Broken)
	}
}

// machineService is a unit of the machine that is no service of the product.
func (b *builder) machineService(id string) (*Service, error) {
	if !b.in.Facts.Root {
		return nil, fmt.Errorf("%s is no service of the product, and a unit of systemd only root can stop and start: start Upkeep as root", id)
	}
	id, err := b.res.Scope.Expand(id)
	return &Service{ID: id, Env: b.res.Env, StopTimeout: 30 * time.Second, StartTimeout: 60 * time.Second}, err
}

// startType resolves a hold on how a service starts with the machine.
func (b *builder) startType(s manifest.Step) (*Service, bool) {
	name := s.Map["start-type"]
	svc, err := b.res.ServiceByID(name)
	if errors.As(err, new(*noServiceError)) {
		svc, err = b.machineService(name)
	}
	switch {
	case err != nil:
		b.refuse("hold at %s: %v", s.Pos, err)
	case !svc.Systemd():
		b.refuse("hold at %s: service %s does not start with the machine: only units of systemd do", s.Pos, svc.ID)
	case !slices.Contains([]string{"enabled", "disabled", "masked"}, s.To):
		b.refuse("hold at %s: a start type can be held to: enabled, disabled or masked, not %q", s.Pos, s.To)
	default:
		svc.Ready = nil
		return svc, true
	}
	return nil, false
}
