package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/service"
	"upkeep/internal/step"
	stepservice "upkeep/internal/step/service"
)

// Stopped are services that the doctor has stopped for a while, to mend
// something meanwhile. They stand in the state folder before the first of them
// is stopped, so that whatever ends the doctor, somebody knows what ran before.
type Stopped struct {
	Services []plan.Service `json:"services"` // that ran, in the order in which they start
	For      string         `json:"for"`      // the symptom
	By       string         `json:"by"`
	At       time.Time      `json:"at"`
	Doctor   int            `json:"-"` // the process that is at it; 0: it was interrupted
}

// IDs are the services' names.
func (s *Stopped) IDs() []string {
	var out []string
	for _, sv := range s.Services {
		out = append(out, sv.ID)
	}
	return out
}

func (in *Installation) stoppedPath() string { return filepath.Join(in.State, "doctor-stopped.json") }

// doctorLockPath is held by the doctor that has services stopped: the lock of the
// installation is not, since an upgrade may be what is done meanwhile.
func (in *Installation) doctorLockPath() string { return filepath.Join(in.State, "doctor.lock") }

// leftStopped is what the register has, whether or not it still is so; nil when it
// has nothing.
func (in *Installation) leftStopped() (*Stopped, error) {
	raw, err := in.FS.ReadFile(in.stoppedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var s Stopped
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell which services the doctor has stopped: %w", err)
	}
	s.Doctor = holder(in.doctorLockPath())
	return &s, nil
}

// stopped is what the doctor has stopped and nobody has started since; nil when
// there is nothing of it.
func (in *Installation) stopped(ctx context.Context) (*Stopped, error) {
	s, err := in.leftStopped()
	if s == nil || err != nil {
		return nil, err
	}
	var still []plan.Service
	for _, sv := range s.Services {
		runs, _, err := in.services.Running(ctx, sv)
		if err != nil {
			return nil, fmt.Errorf("cannot tell whether %s, which the doctor has stopped, runs again: %w", sv.ID, err)
		}
		if !runs {
			still = append(still, sv)
		}
	}
	if s.Services = still; len(still) == 0 {
		return nil, nil
	}
	return s, nil
}

// register writes down what is about to be stopped, or what of it still is.
func (in *Installation) register(s *Stopped) error {
	if s == nil || len(s.Services) == 0 {
		if err := absent(in.FS.Remove(in.stoppedPath())); err != nil {
			return fmt.Errorf("cannot note that what the doctor has stopped runs again: %w", err)
		}
		return nil
	}
	raw, err := json.Marshal(s)
	if err == nil {
		err = in.FS.WriteFile(in.stoppedPath(), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot note what the doctor stops: %w", err)
	}
	return nil
}

// settleStopped takes out of the register what runs again. The lock is held.
func (in *Installation) settleStopped(ctx context.Context) error {
	if was, err := in.leftStopped(); was == nil || was.Doctor != 0 || err != nil {
		return err
	}
	still, err := in.stopped(ctx)
	if err != nil {
		return err
	}
	return in.register(still)
}

// hands control a service outside of any run.
func (in *Installation) hands(s plan.Service) (stepservice.Control, step.Env) {
	return stepservice.Control{Probes: in.probes, Managers: func(_ string, s plan.Service) (service.Manager, error) { return in.services.Manager(s), nil }},
		step.Env{OpID: "doctor/" + s.ID, Dir: in.State, State: in.State, Log: io.Discard}
}

// startAgain starts what the register has and takes it out, one after the other;
// what does not start stays in it. The lock is held. A release that came meanwhile
// may start a service in another way: its document counts.
func (in *Installation) startAgain(ctx context.Context, from, by string) (started []string, err error) {
	s, err := in.leftStopped()
	if s == nil || err != nil {
		return nil, err
	}
	c := &consultation{Installation: in, from: from}
	known := c.know(ctx, from)
	var left []plan.Service
	var errs []error
	for i, sv := range s.Services {
		if known == nil {
			if now, err := c.resolver.ServiceByID(sv.ID); err == nil {
				sv = *now
			}
		}
		control, env := in.hands(sv)
		in.noteDoctor(by, "start "+sv.ID+" again", "begun")
		if err := control.Start(ctx, env, sv); err != nil {
			in.noteDoctor(by, "start "+sv.ID+" again", "failed: "+err.Error())
			left, errs = append(left, sv), append(errs, err)
			continue
		}
		in.noteDoctor(by, "start "+sv.ID+" again", "done")
		started = append(started, sv.ID)
		rest := *s
		rest.Services = slices.Concat(left, s.Services[i+1:])
		if err := in.register(&rest); err != nil {
			errs = append(errs, err)
		}
	}
	return started, errors.Join(errs...)
}

// startAbandoned starts what a doctor has stopped that is no longer there to do
// so: it was ended while this run went on. The lock is held.
func (in *Installation) startAbandoned(ctx context.Context, note func(string)) {
	s, err := in.leftStopped()
	if s != nil && s.Doctor == 0 {
		var started []string
		if started, err = in.startAgain(ctx, "", s.By); len(started) > 0 {
			note("started again, as the doctor had stopped it: " + strings.Join(started, ", "))
		}
	}
	if err != nil {
		note(err.Error())
	}
}

// lookStopped finds what an interrupted doctor has left stopped.
func lookStopped(ctx context.Context, c *consultation) ([]Symptom, error) {
	s, err := c.stopped(ctx)
	if s == nil || err != nil || s.Doctor == os.Getpid() {
		return nil, err
	}
	names := strings.Join(s.IDs(), ", ")
	since := fmt.Sprintf("stopped at %s for %s, to mend: %s", s.At.UTC().Format("2006-01-02 15:04 UTC"), s.By, s.For)
	if s.Doctor != 0 {
		return []Symptom{{ID: "doctor-stopped", Text: "another doctor is at work, and has stopped " + names, Evidence: since,
			Try: []Remedy{{Command: []string{"ps", "-o", "pid,user,lstart,args", "-p", fmt.Sprint(s.Doctor)}, Text: "says which; it starts them again when it has ended", Shows: true}}}}, nil
	}
	out := Symptom{ID: "doctor-stopped", Text: "the doctor was interrupted: " + are(s.IDs()) + " still stopped", Evidence: since, Else: c.support()}
	for _, sv := range s.Services {
		out.Try = append(out.Try, c.doing(ctx, sv.ID, "start"))
	}
	return []Symptom{out}, nil
}

// are names some things with the verb that goes with them.
func are(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names, ", ") + " are"
}
