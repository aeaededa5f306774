package manage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// lookUsers finds who, beside the product itself, works in the folder of one of
// its trees or has something of it open: an upgrade waits for them, or fails.
// All trees are looked at in one pass. What the vendor asks by a probe of its
// own is not told twice.
func lookUsers(ctx context.Context, c *consultation) ([]Symptom, error) {
	var folders []string
	of := map[string][]string{} // folder to the units in it
	for _, id := range c.resolver.Product.Order {
		at := c.facts.Instances[id].Real
		if at == "" || c.asked(at) {
			continue
		}
		if of[at] == nil {
			folders = append(folders, at)
		}
		of[at] = append(of[at], id)
	}
	if len(folders) == 0 {
		return nil, nil
	}
	uses, _, err := proc.Using(folders...)
	if errors.Is(err, proc.ErrUnsupported) {
		return nil, nil
	}
	if err != nil || len(uses) == 0 {
		return nil, err
	}
	ours, err := c.ownProcesses(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(uses, func(a, b proc.Use) int { return a.PID - b.PID })
	who := map[string][]string{}
	for _, u := range uses {
		if !ours.has(u) {
			who[u.Folder] = append(who[u.Folder], userOf(u))
		}
	}
	var out []Symptom
	for _, at := range folders {
		if names := who[at]; len(names) > 0 {
			units := strings.Join(of[at], ", ")
			out = append(out, Symptom{ID: "users." + units, Text: "the folder of " + units + " is in use", Evidence: some(names, mostUsers),
				Try: []Remedy{{Text: "close what is named, or ask those who work there to close it: an upgrade may fail meanwhile", Choice: true}}})
		}
	}
	return out, nil
}

// mostUsers is how many processes are named.
const mostUsers = 10

// some joins some names, and counts the rest.
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(names[:most], "; "), len(names)-most)
}

// asked says that a remedy of the vendor's looks for the users of that folder.
func (c *consultation) asked(at string) bool {
	for _, r := range c.product.Remedies {
		if r.Probe.Source != "open-files" {
			continue
		}
		for _, arg := range r.Probe.Args {
			folder := strings.TrimSuffix(c.text(arg), "/")
			if at == folder || strings.HasPrefix(at, folder+"/") {
				return true
			}
		}
	}
	return false
}

// userOf says which process it is, whose, at which terminal, and what it has.
func userOf(u proc.Use) string {
	name := strconv.FormatUint(uint64(u.UID), 10)
	if a, err := user.LookupId(name); err == nil {
		name = a.Username
	}
	text := fmt.Sprintf("%s (%d) of %s", u.Name, u.PID, name)
	if at := session(u.Proc); at != "" {
		text += " at " + at
	}
	switch u.How {
	case "open", "mapped":
		return text + " has " + u.Path + " " + u.How
	}
	return text + " " + u.How + " " + u.Path
}

var sessionScope = regexp.MustCompile(`/session-(\w+)\.scope`)

// session is where somebody sits: the terminal, or the login session of systemd.
func session(p proc.Proc) string {
	if t := p.Terminal(); t != "" {
		return t
	}
	if group, err := proc.Cgroup(p.PID); err == nil {
		if m := sessionScope.FindStringSubmatch(group); m != nil {
			return "session " + m[1]
		}
	}
	return ""
}

// own tells the product's and Upkeep's own processes.
type own struct {
	exe      string          // Upkeep's program
	marker   string          // of the environment of services that Upkeep has started
	mains    map[int]bool    // the services' main processes
	units    []string        // of systemd, as they stand in the names of control groups
	accounts map[string]bool // of services that run and whose processes nobody tells
}

func (c *consultation) ownProcesses(ctx context.Context) (own, error) {
	o := own{marker: service.Marker + "=" + c.Doc.ID + "/", mains: map[int]bool{}, accounts: map[string]bool{}}
	o.exe, _ = proc.Exe(os.Getpid())
	for _, sv := range c.resolver.Product.Services {
		spec, err := c.resolver.Service(sv)
		if err != nil {
			return o, err
		}
		if err := o.add(ctx, c, *spec); err != nil {
			return o, fmt.Errorf("cannot tell which processes are those of %s: %w", sv.ID, err)
		}
	}
	return o, nil
}

func (o *own) add(ctx context.Context, c *consultation, s plan.Service) error {
	st, err := c.services.State(ctx, s)
	if err != nil || !st.Running {
		return err
	}
	unit, err := c.services.SystemdUnit(ctx, s)
	switch {
	case err != nil:
		return err
	case unit.Unit != "":
		o.units = append(o.units, "/"+unit.Unit+"/")
	case st.PID == 0:
		o.accounts[s.As] = true
		return nil
	}
	o.mains[st.PID] = true
	return nil
}

// has says whether a process is one of Upkeep's, or the product's, or descends
// from one of the product's.
func (o *own) has(u proc.Use) bool {
	if exe, err := proc.Exe(u.PID); err == nil && exe == o.exe {
		return true
	}
	if a, err := user.LookupId(strconv.FormatUint(uint64(u.UID), 10)); err == nil && o.accounts[a.Username] {
		return true
	}
	for p, depth := u.Proc, 0; p.PID > 1 && depth < 64; depth++ {
		if o.mains[p.PID] {
			return true
		}
		if group, err := proc.Cgroup(p.PID); err == nil && slices.ContainsFunc(o.units, func(u string) bool { return strings.Contains(group+"/", u) }) {
			return true
		}
		if env, err := proc.Environ(p.PID); err == nil && strings.Contains("\x00"+string(env), "\x00"+o.marker) {
			return true
		}
		next, err := proc.Read(p.PPID)
		if err != nil {
			return false
		}
		p = next
	}
	return false
}
