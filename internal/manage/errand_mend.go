package manage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"upkeep/internal/service/systemd"
	"upkeep/internal/step"
)

// Sum stands for what a remedy does, so that a yes can name what was shown.
func (r Remedy) Sum() string {
	raw, err := json.Marshal(r)
	if err != nil {
		return "" // plain values: it cannot fail
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// unasked are the commands of this program that a remedy may have carried out
// without a terminal, by their first words: none of them asks anything.
var unasked = [][]string{{"mode", "normal"}, {"feed", "refresh"}, {"feed", "fetch"}, {"holds", "end"}, {"backup", "create"}}

// Unasked says that the remedy can be carried out once somebody has said yes to
// it, without a further question: nothing of it is for a person to do, or asks.
func (r Remedy) Unasked() bool {
	if r.Shows || r.open != nil {
		return false
	}
	for _, inner := range r.During {
		if !inner.Unasked() {
			return false
		}
	}
	if len(r.Upkeep) > 0 {
		return slices.ContainsFunc(unasked, func(w []string) bool { return len(r.Upkeep) >= len(w) && slices.Equal(r.Upkeep[:len(w)], w) })
	}
	return r.Wait > 0 || r.Carries()
}

// errandScope takes the process out of the unit of what has started it, so that
// it outlives that. Where it cannot, it stays.
func (in *Installation) errandScope(ctx context.Context, e Errand) {
	if in.Root && systemd.Booted() {
		_ = systemd.NewMachine().Scope(ctx, fmt.Sprintf("upkeep-errand-%d.scope", os.Getpid()), "Upkeep works on "+in.Doc.ID+" for "+e.By, nil) // it ends with the hub then
	}
}

// mend carries a remedy out, and looks again. It gives how the symptom reads
// where it is still there.
func (in *Installation) mend(ctx context.Context, e Errand, f *errandFile) (string, error) {
	f.stage("looking at the symptom again")
	v, err := in.Visit(ctx, e.From)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(v.Symptoms, func(s Symptom) bool { return s.ID == e.Symptom })
	if at < 0 {
		return "", nil // it has gone by itself
	}
	s := v.Symptoms[at]
	n := slices.IndexFunc(s.Try, func(r Remedy) bool { return r.Sum() == e.Remedy })
	if n < 0 {
		return "", &step.UserError{Msg: "what helps is something else now than was shown, and nothing was done", Now: "look again"}
	}
	r := s.Try[n]
	if !r.Unasked() {
		return "", &step.UserError{Msg: "this takes a person at a terminal, and nothing was done", Now: "carry it out with upkeep doctor --fix"}
	}
	var failed error
	for try := 0; ; try++ {
		failed = v.carryUnasked(ctx, s, r, e.By, f)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if failed == nil && r.Service != "" { // it may run for a moment only
			sleep(ctx, time.Second)
		}
		f.stage("looking whether it has helped")
		now, there, err := v.Again(ctx, s)
		switch {
		case err != nil:
			return "", err
		case !there:
			return "", nil
		case try < r.Retry:
			f.stage(fmt.Sprintf("it is still there; try %d of %d comes in %s", try+2, r.Retry+1, r.Every))
			sleep(ctx, r.Every)
			continue
		}
		return cmp.Or(now.Evidence, now.Text), failed
	}
}

// carryUnasked carries a remedy out to which somebody has said yes.
func (v *Visit) carryUnasked(ctx context.Context, s Symptom, r Remedy, by string, f *errandFile) error {
	switch {
	case r.Wait > 0:
		f.stage("waiting " + r.Wait.String())
		sleep(ctx, r.Wait)
		return nil
	case len(r.During) > 0:
		return v.spanUnasked(ctx, s, r, by, f)
	case len(r.Upkeep) > 0:
		f.stage("upkeep " + strings.Join(r.Upkeep, " "))
		in := v.c.Installation
		in.noteDoctor(by, "upkeep "+strings.Join(r.Upkeep, " "), "begun")
		cmd := exec.CommandContext(ctx, in.Exe, append([]string{"--installation", in.Path}, r.Upkeep...)...)
		out, err := cmd.CombinedOutput()
		for line := range strings.Lines(string(out)) {
			_, _ = f.Write([]byte(line)) // it never fails
		}
		if code := cmd.ProcessState; err != nil && code != nil && code.ExitCode() != 0 {
			return fmt.Errorf("upkeep %s ended with exit code %d", r.Upkeep[0], code.ExitCode())
		}
		return err
	}
	f.stage(cmp.Or(strings.TrimSpace(r.Do+" "+r.Service), strings.Join(r.Command, " ")))
	return v.Carry(ctx, r, by, f)
}

// spanUnasked has services stopped while the remedy's own steps are carried out,
// and starts exactly these again whatever has come of it.
func (v *Visit) spanUnasked(ctx context.Context, s Symptom, r Remedy, by string, f *errandFile) (err error) {
	f.stage("stopping " + strings.Join(r.Stops, ", "))
	held, err := v.Hold(ctx, s, r, by)
	if err != nil {
		return err
	}
	defer func() {
		f.stage("starting again " + strings.Join(held.Stopped, ", "))
		_, again := held.End(context.WithoutCancel(ctx))
		err = errors.Join(err, again)
	}()
	for _, inner := range r.During {
		if err := v.carryUnasked(ctx, s, inner, by, f); err != nil {
			return err
		}
	}
	return nil
}
