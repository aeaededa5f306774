package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// lastEnded is the latest run that has ended; nil when none has.
func (in *Installation) lastEnded(ctx context.Context) (*Run, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	row, ok, err := j.LastEnded(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return in.load(ctx, j, row)
}

// lastFailure gives the step that failed in that run.
func (in *Installation) lastFailure(ctx context.Context) (step, evidence string, err error) {
	r, err := in.lastEnded(ctx)
	if err != nil || r == nil {
		return "", "no run has ended yet", err
	}
	what := fmt.Sprintf("run %s, from %s to %s,", r.ID, r.From, r.To)
	switch {
	case r.Result == run.ResultNew:
		return "", what + " went through", nil
	case r.State.Failure == "":
		return "", what + " was taken back by a person", nil
	}
	return r.State.Failure, fmt.Sprintf("%s failed at %s", what, r.State.Failure), nil
}

// again is the upgrade that failed last, by the command that makes it once more:
// with the copy of the release that its run has kept. It asks before it begins,
// and no yes beforehand says what a person would say to its plan.
func (c *consultation) again(ctx context.Context, r Remedy) Remedy {
	last, err := c.lastEnded(ctx)
	var args []string
	if err == nil {
		args, err = c.repeated(last)
	}
	if err != nil {
		return Remedy{Text: "the upgrade again: " + err.Error(), Shows: true}
	}
	r.Upkeep, r.Choice = args, true
	if r.Text == "" {
		r.Text = "the upgrade again; it shows its plan and asks"
	}
	return r
}

// repeated are the arguments that ask for what a run was asked for.
func (in *Installation) repeated(r *Run) ([]string, error) {
	if r == nil || r.Result == run.ResultNew || r.Plan.Trigger == plan.TriggerBack || r.From == "" {
		return nil, errors.New("no upgrade has failed last")
	}
	hops := r.Plan.Hops
	from := filepath.Join(in.bundlesDir(), hops[len(hops)-1].Bundle)
	if _, err := in.FS.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("its release is not at hand any more: give upkeep upgrade --from RELEASE")
	}
	if len(hops) > 1 {
		from = in.bundlesDir()
	}
	args := []string{"upgrade", "--from", from, "--to", r.To}
	for _, unit := range r.Plan.Units {
		args = append(args, "--only", unit)
	}
	for _, feature := range r.Plan.Added {
		args = append(args, "--choose", feature)
	}
	for _, check := range slices.Sorted(maps.Keys(r.Plan.Waivers)) {
		_, why, ok := strings.Cut(r.Plan.Waivers[check], ": ")
		if !ok {
			why = r.Plan.Waivers[check]
		}
		args = append(args, "--waive", check+"="+why)
	}
	if t := r.Plan.Trigger; t != "" && t != plan.TriggerCommand {
		args = append(args, "--trigger", t)
	}
	return args, nil
}
