package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// byTimer is who gives the command where a timer does.
const byTimer = "the timer"

// scheduledRefresh is feed refresh where nobody looks: it looks, fetches ahead and
// upgrades as far as the installation document wants that. What came of it stands
// in status; only what nobody could have expected ends it with an error.
func (a *App) scheduledRefresh(ctx context.Context, in *manage.Installation) error {
	fresh, err := in.Look(ctx)
	if err != nil {
		return err
	}
	a.say(show.FeedRefreshed(fresh, a.width()))
	got, err := in.Prefetch(ctx)
	if err != nil {
		return err
	}
	if got.Files > 0 {
		a.say(show.Fetched(got, a.width()))
	}
	version, why, err := in.Due(ctx, time.Now())
	if err != nil {
		return err
	}
	if version == "" {
		if why != "" {
			a.say("no upgrade now: " + show.Clean(why) + "\n")
		}
		return nil
	}
	return a.automatic(ctx, in, version)
}

// automatic upgrades without a person, and notes what came of it. A plan that needs
// a person is not begun.
func (a *App) automatic(ctx context.Context, in *manage.Installation, version string) error {
	w := &wish{yes: true}
	w.req.Trigger, w.req.To = plan.TriggerCommand, version
	begun := false
	w.guard = func(p *plan.Plan) error {
		if why := manage.PersonNeeded(p); why != "" {
			return &manage.RefusedError{What: "no timer can carry out this plan", Reasons: []string{why}}
		}
		begun = true
		return nil
	}
	a.by = byTimer
	err := a.doUpgrade(ctx, w)
	if ctx.Err() != nil {
		return err
	}
	var code exit
	switch {
	case err == nil || errors.As(err, &code) && (code == ExitDone || code == ExitWork):
		return errors.Join(err, in.NoteInstall(ctx, version, "", false))
	case errors.As(err, new(*manage.BusyError)): // somebody has begun just now
		a.say("no upgrade now: " + err.Error() + "\n")
		return nil
	case code == ExitOld, code == ExitMilestone:
		why := "its upgrade failed, and the product is as it was: upkeep runs show says why"
		if code == ExitMilestone {
			why = "its upgrade stayed at a version on the way: upkeep runs show says why"
		}
		return errors.Join(err, in.NoteInstall(ctx, version, why, true))
	case code == ExitWaiting:
		return errors.Join(err, in.NoteInstall(ctx, version, "its upgrade waits for a person: upkeep status says for what", true))
	}
	why := err.Error()
	if errors.As(err, &code) {
		why = fmt.Sprintf("%s plan --to %s says what is in the way", a.command(), version)
	}
	if begun {
		why = "it was not begun: " + why
	}
	a.report(err)
	return in.NoteInstall(ctx, version, why, false)
}
