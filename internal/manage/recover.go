package manage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"upkeep/internal/memo"
	"upkeep/internal/run"
	"upkeep/internal/service/systemd"
	"upkeep/internal/step/access"
)

// opened gives the installations of this machine that have an open run. One
// that cannot be read is told, and does not keep the others from their
// recovery.
func (m *Machine) opened(ctx context.Context, out io.Writer) []*Installation {
	docs, err := enrolled(m.FS, register, m.Folders)
	if err != nil {
		fmt.Fprintln(out, err)
	}
	var list []*Installation
	for _, doc := range docs {
		in, err := Open(doc, m.Exe)
		var none *NoInstallationError
		if errors.As(err, &none) {
			continue
		}
		var r *Run
		if err == nil {
			r, err = in.OpenRun(ctx)
		}
		if err != nil {
			fmt.Fprintf(out, "%s: cannot tell whether a run is open: %v\n", doc, err)
			continue
		}
		if r != nil {
			list = append(list, in)
		}
	}
	return list
}

// Gate puts the gates of open runs up again, and answers users until the
// engines do. It is the body of the unit that starts before the network.
func (m *Machine) Gate(ctx context.Context, out io.Writer) error {
	var errs []error
	var up []*Installation
	for _, in := range m.opened(ctx, out) {
		ok, err := in.closeAgain(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: cannot keep users out: %w", in.Path, err))
		}
		if ok {
			fmt.Fprintf(out, "%s: users are kept out until its run ends\n", in.Path)
			up = append(up, in)
		}
	}
	n, err := TakeNotifier()
	if err := errors.Join(err, n.Ready()); err != nil {
		errs = append(errs, err)
	}
	for _, in := range up {
		in.attend(ctx)
		in.gate.Close()
	}
	return errors.Join(errs...)
}

// closeAgain brings back the gate of the open run, and says whether it has one.
func (in *Installation) closeAgain(ctx context.Context) (bool, error) {
	r, err := in.OpenRun(ctx)
	if err != nil || r == nil {
		return false, err
	}
	log, err := newEventLog(r.Dir)
	if err != nil {
		return false, err
	}
	defer log.close()
	h := in.handlers()["access"].(*access.Handler)
	if err := in.resumeModes(ctx, r, memo.New(in.FS, r.Dir), h, log); err != nil {
		return false, err
	}
	st, err := in.gate.State(ctx, in.Doc.ID)
	return err == nil && st.Up, err
}

// Recover carries on every run that is open, and watches it until it is closed
// or waits for a person; runs that begin meanwhile are watched too. It is the
// body of the unit that starts when the machine is up. Follow shows one run to
// its end.
func (m *Machine) Recover(ctx context.Context, out io.Writer, follow func(context.Context, *Installation, string) (*Run, error)) error {
	var errs []error
	done := map[string]bool{} // runs that need a person, or that could not be carried on
	for ctx.Err() == nil {
		var next *Installation
		var id string
		for _, in := range m.opened(ctx, out) {
			if r, err := in.OpenRun(ctx); err == nil && r != nil && !done[r.ID] {
				next, id = in, r.ID
				break
			}
		}
		if next == nil {
			break
		}
		r, err := m.carry(ctx, next, id, out, follow)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: run %s: %w", next.Path, id, err))
			done[id] = true
		case r == nil || r.Closed.IsZero():
			done[id] = true
		}
	}
	return errors.Join(errs...)
}

func (m *Machine) carry(ctx context.Context, in *Installation, id string, out io.Writer, follow func(context.Context, *Installation, string) (*Run, error)) (*Run, error) {
	fmt.Fprintf(out, "%s: run %s is open; it is carried on\n", in.Path, id)
	if err := in.Launch(ctx, id); err != nil {
		return nil, err
	}
	r, err := follow(ctx, in, id)
	switch {
	case err != nil || r == nil:
	case r.Waiting != nil:
		fmt.Fprintf(out, "%s: run %s waits for a person: upkeep --installation %s status\n", in.Path, id, in.Path)
	case r.State.Closed != nil && r.State.Closed.Result == run.ResultOld:
		fmt.Fprintf(out, "%s: run %s is over: it went back to %s\n", in.Path, id, r.State.Closed.Version)
	case r.State.Closed != nil:
		fmt.Fprintf(out, "%s: run %s is over: on %s\n", in.Path, id, r.State.Closed.Version)
	}
	return r, err
}

// scopeName is the scope of this engine's process.
func (in *Installation) scopeName() string {
	return fmt.Sprintf("upkeep-%s-%d.scope", unitSafe(in.Doc.ID), os.Getpid())
}

func unitSafe(id string) string {
	out := []rune(id)
	for i, r := range out {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			out[i] = '_'
		}
	}
	return string(out[:min(len(out), 100)])
}

// ownScope moves the engine's process out of the session, or the unit, that it
// was started from, so that nothing of them takes it down. Where that cannot be
// done the engine goes on in its session of its own. While the machine goes down
// nothing is carried on: what then fails says nothing of the upgrade.
func (in *Installation) ownScope(ctx context.Context) error {
	if !in.Root || !systemd.Booted() {
		return nil
	}
	if systemd.NewMachine().GoingDown(ctx) {
		return errors.New("this computer is going down: the run is carried on when it has started again")
	}
	r, err := in.OpenRun(ctx)
	if err != nil || r == nil {
		return nil // the engine finds that out by itself, and says so
	}
	var before []string
	for _, u := range unitsOf(r.Plan) {
		before = append(before, systemd.Candidates(u)...)
	}
	if err := systemd.NewMachine().Scope(ctx, in.scopeName(), "Upkeep carries on run "+r.ID+" of "+in.Doc.ID, before); err != nil {
		fmt.Fprintf(os.Stderr, "the engine stays where it was started: %v\n", err)
	}
	return nil
}

// watchedOver has the machine's recovery watch the run: it starts an engine
// anew that was killed while nobody looks. Without setup-host nobody does.
func (in *Installation) watchedOver(ctx context.Context) {
	if in.BootUnits() != "" {
		return
	}
	if err := systemd.NewMachine().Begin(ctx, recoverUnit); err != nil {
		fmt.Fprintf(os.Stderr, "the run goes on, but %s does not watch it: %v\n", recoverUnit, err)
	}
}
