package manage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/document"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
	"upkeep/internal/service"
	stepservice "upkeep/internal/step/service"
)

// steps are a vendor's fixes.
func (c *consultation) steps(ctx context.Context, fix []manifest.Step) []Remedy {
	var out []Remedy
	for _, s := range fix {
		r := Remedy{Text: c.text(s.Title), Within: s.Within}
		if s.Retry != nil {
			r.Retry, r.Every = s.Retry.Times, s.Retry.Every
		}
		switch {
		case len(s.During) > 0:
			r = c.span(ctx, r, s)
		case s.Verb == "upgrade":
			r = c.again(ctx, r)
		case s.Tell != "":
			r.Text = c.text(s.Tell)
		case len(s.Run) > 0:
			c.command(&r, s.Run, s.As)
		case s.Verb == "run":
			c.command(&r, s.Args, s.As)
		case s.Verb == "access":
			r.Upkeep = c.openUp()
		case s.Verb == "reboot":
			r.Command, r.As, r.Choice = []string{"systemctl", "reboot"}, "root", true
			if r.Text == "" {
				r.Text = "restarts this computer"
			}
		case s.Verb == "wait":
			r.Wait, r.open = c.wait(s)
		case s.Verb == "start", s.Verb == "stop", s.Verb == "restart":
			for _, id := range s.Args {
				one := c.doing(ctx, c.text(id), s.Verb)
				one.Text, one.Within, one.Retry, one.Every = r.Text, r.Within, r.Retry, r.Every
				out = append(out, one)
			}
			continue
		case s.Map["start-type"] != "":
			one := c.doing(ctx, c.text(s.Map["start-type"]), c.text(s.To))
			one.Text = r.Text
			r = one
		case r.Text == "":
			r.Text = strings.Join(append([]string{s.Verb}, c.texts(s.Args)...), " ")
		}
		out = append(out, r)
	}
	return out
}

// openUp are the arguments that let users in.
func (c *consultation) openUp() []string {
	args := []string{"mode", "normal"}
	if c.from != "" {
		args = append(args, "--from", c.from)
	}
	return args
}

func (c *consultation) command(r *Remedy, args []string, as string) {
	r.Command = c.texts(args)
	if r.As, r.open = c.release().CommandAccount(as); r.open == nil {
		_, r.open = c.release().Scope.ExpandAll(args)
	}
}

func (c *consultation) wait(s manifest.Step) (time.Duration, error) {
	text := c.text(strings.Join(s.Args, " "))
	d, err := document.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is no time to wait", text)
	}
	return d, err
}

// doing is something that Upkeep does with a service, beside what a person
// would type where the computer's own service manager has it.
func (c *consultation) doing(ctx context.Context, id, do string) Remedy {
	r := Remedy{Service: id, Do: do}
	s, err := c.resolver.ServiceByID(id)
	if err != nil {
		r.open = err
		return r
	}
	verb := map[string]string{"start": "start", "stop": "stop", "restart": "restart", "enabled": "enable", "disabled": "disable", "masked": "mask"}[do]
	switch {
	case verb == "":
		r.open = fmt.Errorf("%q is nothing that is done with a service", do)
	case c.unit(ctx, *s) != "":
		r.Command, r.As = []string{"systemctl", verb, c.unit(ctx, *s)}, "root"
	case do == "start" && len(s.Start) > 0:
		r.Command, r.As = s.Start, s.As
	}
	return r
}

// unit is the name by which systemd knows a service; empty where it does not.
func (c *consultation) unit(ctx context.Context, s plan.Service) string {
	u, err := c.services.SystemdUnit(ctx, s)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Unit, ".service")
}

// Carries says whether Upkeep can carry the remedy out: not what only shows
// something, and not what a person must do.
func (r Remedy) Carries() bool {
	return !r.Shows && (len(r.Upkeep) > 0 || r.Service != "" || len(r.Command) > 0 || len(r.During) > 0)
}

// carryWithin bounds a command that says nothing of itself.
const carryWithin = 10 * time.Minute

// Carry carries out a remedy with a service or a command, for the person by,
// under the installation's lock; it is refused while a run is open. What the
// command writes goes to out, line by line. Killed in between it leaves what it
// had done, and the next look shows that. What was carried out stands in the
// doctor's log. Remedies with arguments of this program are the face's.
func (v *Visit) Carry(ctx context.Context, r Remedy, by string, out io.Writer) error {
	in := v.c.Installation
	if r.open != nil {
		return r.open
	}
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return err
	}
	what := r.Do + " " + r.Service
	if r.Service == "" {
		what = strings.Join(r.Command, " ")
	}
	in.noteDoctor(by, what, "begun")
	if r.Service != "" {
		if err = v.c.serve(ctx, r); err == nil {
			err = in.settleStopped(ctx)
		}
	} else {
		err = v.c.call(ctx, r, out)
	}
	if err != nil {
		in.noteDoctor(by, what, "failed: "+err.Error())
		return err
	}
	in.noteDoctor(by, what, "done")
	return nil
}

func (in *Installation) doctorLog() string { return filepath.Join(in.State, "doctor.log") }

func (in *Installation) noteDoctor(by, what, how string) { in.note(in.doctorLog(), by, what, how) }

// note writes down what is carried out without a run. It is for people: what
// cannot be written (a full disk, which may be what is being mended) stops
// nothing.
func (in *Installation) note(log, by, what, how string) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s %s %s: %s\n", time.Now().UTC().Format(time.RFC3339), by, what, strings.ReplaceAll(how, "\n", " "))
}

// call runs a remedy's command.
func (c *consultation) call(ctx context.Context, r Remedy, out io.Writer) error {
	env := []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	if c.resolver != nil {
		env = append(env, c.resolver.Env...)
	}
	as := r.As
	if as == c.Account {
		as = ""
	}
	within := r.Within
	if within == 0 {
		within = carryWithin
	}
	_, err := c.runner.Run(ctx, scope.Command{OpID: fmt.Sprintf("doctor/%d-%d", os.Getpid(), time.Now().UnixNano()), Args: r.Command, Env: env,
		Account: as, Deadline: within, Output: out})
	return err
}

// serve does something with a service, as a run would: a start lets it start,
// and waits until it is ready.
func (c *consultation) serve(ctx context.Context, r Remedy) error {
	s, err := c.resolver.ServiceByID(r.Service)
	if err != nil {
		return err
	}
	control, env := c.hands(*s)
	switch r.Do {
	case "start":
		return control.Start(ctx, env, *s)
	case "stop":
		return control.Stop(ctx, env, *s, "")
	case "restart":
		if err := control.Stop(ctx, env, *s, ""); err != nil {
			return err
		}
		return control.Start(ctx, env, *s)
	}
	m, ok := c.services.Manager(*s).(service.StartTyper)
	if !ok {
		return fmt.Errorf("service %s is none of the computer's own: whether it starts with the computer is decided by what starts Upkeep", s.ID)
	}
	return m.SetStartType(ctx, stepservice.Spec(env, *s), r.Do)
}
