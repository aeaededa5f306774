package cli

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// handedOver is the variable by which an Upkeep that has upgraded itself tells
// the next one so: it is the version that it was to become. Once is enough.
const handedOver = "UPKEEP_SELF_UPGRADED"

// selfFirst upgrades Upkeep before the product's upgrade is planned, where this
// computer's document says from where: by itself where it says automatic, after
// a question at a terminal otherwise. Then the new one goes on with the same
// command, and this does not return. What keeps Upkeep from being upgraded does
// not keep the product: a release that needs a newer one says so itself.
func (a *App) selfFirst(ctx context.Context, w *wish) error {
	if to := a.Getenv(handedOver); to != "" {
		if to != manage.Version() {
			a.careful([]string{fmt.Sprintf("Upkeep was to be %s, and is %s; it goes on", to, manage.Version())})
		}
		return nil
	}
	if w.dryRun || w.plan != "" { // a plan is made, or was shown, by this Upkeep
		return nil
	}
	m := manage.NewMachine(a.Exe)
	h, err := m.Host()
	if err != nil {
		return err
	}
	if h == nil || (h.Self.From == "" && h.Self.Feed == nil) || w.yes && !h.Self.Automatic {
		return nil
	}
	goesOn := func(err error) error {
		if ctx.Err() != nil {
			return err
		}
		a.careful([]string{fmt.Sprintf("Upkeep was not upgraded first: %v; it goes on as %s", err, manage.Version())})
		return nil
	}
	u, err := m.PrepareSelf(ctx, manage.SelfRequest{})
	if err != nil {
		return goesOn(err)
	}
	defer u.Close()
	if u.UpToDate {
		return nil
	}
	if !h.Self.Automatic {
		ok, err := a.ask(fmt.Sprintf("Upkeep %s is at hand, and this is %s. Upgrade Upkeep first? [y/N] ", u.To, u.Now))
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
	}
	notes, err := m.UpgradeSelf(ctx, u)
	a.careful(notes)
	if err != nil {
		return goesOn(err)
	}
	a.say(show.Good(fmt.Sprintf("Upkeep is %s; it goes on", u.To)) + "\n\n")
	u.Close() // nothing of this process runs after the next line
	env := append(os.Environ(), handedOver+"="+u.To)
	if err := syscall.Exec(a.Exe, append([]string{a.Exe}, os.Args[1:]...), env); err != nil {
		return fmt.Errorf("cannot start Upkeep %s: %w; give the command again", u.To, err)
	}
	return nil
}

// toolFirst has the product's own tool upgraded, once in a command, after a
// question or the yes that was given beforehand.
func (a *App) toolFirst(w *wish) func(context.Context, *manage.OwnTool) error {
	if w.dryRun || w.plan != "" {
		return nil
	}
	return func(ctx context.Context, t *manage.OwnTool) error {
		a.say(show.OwnTool(t, a.width()))
		if !w.yes {
			ok, err := a.ask("Do this first? Without it nothing is upgraded. [y/N] ")
			if err != nil {
				return err
			}
			if !ok {
				a.say("Nothing was changed.\n")
				return exit(ExitDeclined)
			}
		}
		w.req.Tool = nil
		to := a.Out
		if a.format == "json" {
			to = a.Err
		}
		if err := t.Upgrade(ctx, a.person(), said{a.writer(to)}); err != nil {
			return err
		}
		a.say(show.Good("the product's own tool is upgraded; the upgrade is planned with it") + "\n\n")
		return nil
	}
}
