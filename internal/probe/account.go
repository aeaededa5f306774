package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"upkeep/internal/scope"
)

// readAccount: the number of an account of this computer, or what is selected:
// "home", "shell", "group" (its first one) or "groups".
func readAccount(ctx context.Context, e *Evaluator, q query) (Value, error) {
	f, err := e.entry(ctx, "passwd", q.arg, q.timeout)
	if err != nil || f == nil {
		return Value{Evidence: "there is no account " + q.arg}, err
	}
	v := Value{Present: true}
	switch q.Select {
	case "home":
		v.Text = f[5]
	case "shell":
		v.Text = f[6]
	case "group", "groups":
		first, all, err := e.groupsOf(ctx, f)
		if err != nil {
			return Value{}, err
		}
		if v.Text = strings.Join(all, ", "); q.Select == "group" {
			v.Text = first
		}
	default:
		v.Text = f[2]
	}
	v.Present = v.Text != ""
	v.Evidence = fmt.Sprintf("account %s has the number %s", q.arg, f[2])
	if q.Select != "" {
		v.Evidence = fmt.Sprintf("account %s has the %s %s", q.arg, q.Select, oneLine(v.Text, 120))
	}
	return v, nil
}

// readGroup: the number of a group, or its "members": those that the group
// names, not those whose first group it is.
func readGroup(ctx context.Context, e *Evaluator, q query) (Value, error) {
	f, err := e.entry(ctx, "group", q.arg, q.timeout)
	if err != nil || f == nil {
		return Value{Evidence: "there is no group " + q.arg}, err
	}
	v := Value{Text: f[2], Present: true, Evidence: fmt.Sprintf("group %s has the number %s", q.arg, f[2])}
	if q.Select == "members" {
		v.Text = strings.ReplaceAll(f[3], ",", ", ")
		v.Present = v.Text != ""
		v.Evidence = fmt.Sprintf("group %s names the members %s", q.arg, oneLine(v.Text, 120))
	}
	return v, nil
}

// groupsOf gives the name of an account's first group, and of all.
func (e *Evaluator) groupsOf(ctx context.Context, account []string) (first string, all []string, err error) {
	text, err := slurp(ctx, e.deps.Files, "/etc/group")
	if err != nil {
		return "", nil, unreadable("/etc/group", cause(err))
	}
	for line := range strings.Lines(string(text)) {
		f := fields(line, 4)
		switch {
		case f == nil:
		case f[2] == account[3]:
			first = f[0]
			all = append(all, f[0])
		case slices.Contains(strings.Split(f[3], ","), account[0]):
			all = append(all, f[0])
		}
	}
	slices.Sort(all)
	return first, all, nil
}

// entry is a line of passwd(5) or group(5). What is not in the file is asked of
// the system's name service, which may know a directory of accounts.
func (e *Evaluator) entry(ctx context.Context, list, name string, timeout time.Duration) ([]string, error) {
	if runtime.GOOS != "linux" {
		return nil, unreadable(name, errLinuxOnly)
	}
	want := map[string]int{"passwd": 7, "group": 4}[list]
	text, err := slurp(ctx, e.deps.Files, "/etc/"+list)
	if err != nil {
		return nil, unreadable("/etc/"+list, cause(err))
	}
	if f := find(string(text), name, want); f != nil {
		return f, nil
	}
	conf, err := slurp(ctx, e.deps.Files, "/etc/nsswitch.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if onlyFiles(string(conf), list) {
		return nil, nil
	}
	out, err := e.run(ctx, timeout, "getent", list, name)
	var exit *scope.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == 2: // one or more keys were not found
		return nil, nil
	case err != nil:
		return nil, unreadable(name, fmt.Errorf("it is not in /etc/%s, and the name service cannot be asked: %w", list, err))
	}
	return find(out, name, want), nil
}

func find(text, name string, want int) []string {
	for line := range strings.Lines(text) {
		if f := fields(line, want); f != nil && f[0] == name {
			return f
		}
	}
	return nil
}

func fields(line string, want int) []string {
	if f := strings.Split(strings.TrimRight(line, "\n"), ":"); len(f) == want {
		return f
	}
	return nil
}

// onlyFiles tells whether nsswitch.conf(5) names nothing but local files.
func onlyFiles(conf, list string) bool {
	for line := range strings.Lines(conf) {
		line, _, _ = strings.Cut(line, "#")
		db, sources, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.TrimSpace(db) != list {
			continue
		}
		return !slices.ContainsFunc(strings.Fields(sources), func(s string) bool { return s != "files" && s != "compat" && !strings.HasPrefix(s, "[") })
	}
	return true
}

func checkAccount(q query) error {
	if strings.ContainsAny(q.arg, ":\n\x00/") || strings.HasPrefix(q.arg, "-") {
		return malformed("%q is no name of an account", oneLine(q.arg, 80))
	}
	return nil
}
