package probe

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"upkeep/internal/probe/items"
)

// unmet is the selector for items that lack what they depend on.
const unmet = "unmet-dependencies"

// readInventory: the items of a list that another probe reads, one a line: all
// with their states and what they depend on, or the names of those in the
// selected states. A list that is not there, or whose command fails, is an
// error: that no item is in a state must not follow from it.
func readInventory(ctx context.Context, e *Evaluator, q query) (Value, error) {
	all, err := e.items(ctx, q)
	if err != nil {
		return Value{}, err
	}
	picked, err := selected(all, q.Select)
	if err != nil {
		return Value{}, err
	}
	v := Value{Text: strings.Join(picked, "\n"), Present: len(picked) > 0}
	v.Evidence = fmt.Sprintf("%s: %s", q.arg, tally(all))
	lacking := strings.HasPrefix(q.Select, unmet)
	switch list := oneLine(strings.Join(picked, ", "), 160); {
	case lacking && len(picked) == 0:
		v.Evidence += "; none lacks what it needs"
	case lacking:
		v.Evidence += "; " + list
	case q.Select != "" && len(picked) == 0:
		v.Evidence += "; none is " + q.Select
	case q.Select != "":
		v.Evidence += fmt.Sprintf("; %s: %s", q.Select, list)
	}
	return v, nil
}

func (e *Evaluator) items(ctx context.Context, q query) ([]items.Item, error) {
	s, from, err := prepare(e.sources, *q.From, q.timeout)
	if err != nil {
		return nil, err
	}
	v, err := s.read(ctx, e, from)
	if err != nil {
		var own *Error
		if errors.As(err, &own) && own.What == "" {
			err = own.Err
		}
		return nil, unreadable(q.arg, err)
	}
	if !v.Present && !e.emptyFile(from) {
		return nil, unreadable(q.arg, fmt.Errorf("its list cannot be had: %s", v.Evidence))
	}
	all, err := items.Parse(v.Text, q.itemOptions(from))
	if err != nil {
		return nil, unreadable(q.arg, fmt.Errorf("cannot read its list, %s: %w", v.Evidence, err))
	}
	return all, nil
}

// emptyFile: a file without content is a list without items.
func (e *Evaluator) emptyFile(q query) bool {
	if q.Source != "file" || q.Select != "" {
		return false
	}
	info, err := e.deps.Files.Stat(q.arg)
	return err == nil && info.IsRegular()
}

func (q query) itemOptions(from query) items.Options {
	o := items.Options{Format: q.Params["format"], Item: q.Params["item"], State: q.Params["state"], Depends: q.Params["depends"]}
	for _, format := range []string{"json", "csv"} {
		if o.Format == "" && from.Source == "file" && strings.HasSuffix(strings.ToLower(from.arg), "."+format) {
			o.Format = format
		}
	}
	return o
}

// selected gives lines for the items in some states: one or several with
// commas between, or a regular expression between slashes.
func selected(all []items.Item, choice string) ([]string, error) {
	if rest, ok := strings.CutPrefix(choice, unmet); ok {
		return items.Unmet(all, words(strings.TrimPrefix(strings.TrimSpace(rest), "of"))), nil
	}
	in, err := stateMatcher(choice)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, i := range all {
		switch {
		case choice != "" && in(i.State):
			out = append(out, i.Name)
		case choice == "":
			line := i.Name
			if i.State != "" {
				line += ": " + i.State
			}
			if len(i.Needs) > 0 {
				line += ", needs " + strings.Join(i.Needs, ", ")
			}
			out = append(out, line)
		}
	}
	return out, nil
}

func stateMatcher(choice string) (func(string) bool, error) {
	if len(choice) > 2 && choice[0] == '/' && choice[len(choice)-1] == '/' {
		re, err := regexp.Compile(choice[1 : len(choice)-1])
		if err != nil {
			return nil, malformed("its select is no regular expression: %w", err)
		}
		return re.MatchString, nil
	}
	states := words(choice)
	return func(s string) bool { return slices.Contains(states, s) }, nil
}

func words(list string) []string {
	var out []string
	for w := range strings.SplitSeq(list, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// tally counts items by their states, in the order in which those come.
func tally(all []items.Item) string {
	count := map[string]int{}
	var order, out []string
	for _, i := range all {
		state := i.State
		if state == "" {
			state = "without a state"
		}
		if count[state]++; count[state] == 1 {
			order = append(order, state)
		}
	}
	for n, s := range order {
		if n == 10 {
			out = append(out, fmt.Sprintf("%d states more", len(order)-n))
			break
		}
		out = append(out, fmt.Sprintf("%d %s", count[s], oneLine(s, 40)))
	}
	if len(all) == 0 {
		return "no items"
	}
	return fmt.Sprintf("%d items, %s", len(all), strings.Join(out, ", "))
}

func checkInventory(q query) error {
	if q.From == nil {
		return malformed("it does not say where its list is: add from: {command: […]}, or a file or http")
	}
	if !slices.Contains([]string{"file", "command", "http"}, q.From.Source) {
		return malformed("its list comes from a file, a command or http, not from %s", oneLine(q.From.Source, 40))
	}
	if len(q.From.Expect) > 0 {
		return malformed("what is expected belongs to the inventory, not to its from")
	}
	if !slices.Contains([]string{"", "json", "csv", "lines"}, q.Params["format"]) {
		return malformed("%q is no format of a list: use json, csv or lines", oneLine(q.Params["format"], 40))
	}
	if _, err := stateMatcher(q.Select); err != nil {
		return err
	}
	_, _, err := prepare(table(), *q.From, q.timeout)
	return err
}
