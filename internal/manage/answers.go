package manage

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// AnswersOf gives what was answered for a plan, in the words of an answers file.
// Secrets are not in plans, and so not in it.
func AnswersOf(p *plan.Plan) site.Answers {
	a := site.Answers{Product: p.Product, Release: p.To, Params: p.Params, Choices: p.Choices, Waivers: map[string]string{}, Words: map[string]string{}}
	for id, text := range p.Waivers {
		_, why, ok := strings.Cut(text, ": ")
		if !ok {
			why = text
		}
		a.Waivers[id] = why
	}
	for _, q := range p.People {
		if q.Kind == plan.AskedAnswer && q.Word != nil {
			a.Words[q.ID] = q.Word.Value
		}
	}
	return a
}

// ReadAnswers reads an answers file.
func ReadAnswers(path string) (*site.Answers, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the answers: %w", err)
	}
	nodes, err := yaml.Parse(path, text)
	if err != nil {
		return nil, err
	}
	return site.DecodeAnswers(document.Source{Name: path, Text: text}, nodes)
}

// answered puts the answers of a file where nothing else is said. Those of
// another product or release are refused: the same words may mean something else
// there. Who gives them answers for them.
func (req *Request) answered(p *manifest.Product, r *manifest.Release) error {
	a, release := req.File, r.Version
	if a == nil {
		return nil
	}
	order, err := plan.OrderOf(p)
	if err != nil {
		return err
	}
	var reasons []string
	if a.Product != p.ID {
		reasons = append(reasons, fmt.Sprintf("they are for %s, and this is %s", a.Product, p.ID))
	} else if c, err := order.Compare(a.Release, release); err != nil || c != 0 {
		reasons = append(reasons, fmt.Sprintf("they are for %s, and the wanted release is %s: answer for that one, and keep its answers with upkeep runs answers", a.Release, release))
	}
	for _, id := range slices.Sorted(maps.Keys(a.Params)) {
		if _, known := p.Params[id]; !known {
			reasons = append(reasons, fmt.Sprintf("%s has no parameter %q%s", p.ID, id, meantParam(id, p)))
		}
	}
	if len(reasons) > 0 {
		if a.Product == p.ID {
			reasons = append(reasons, stale(a, p, r)...)
		}
		return &RefusedError{What: "the answers cannot be used", Reasons: reasons}
	}
	req.Choose = slices.Concat(req.Choose, a.Choices)
	req.Waivers = joined(req.Waivers, a.Waivers, func(why string) string { return req.By + ": " + why })
	req.Answers = joined(req.Answers, a.Words, func(v string) string { return v })
	return nil
}

// stale says of answers that cannot be used as they are which of the waivers are
// of no check of the release, and what of them would still count.
func stale(a *site.Answers, p *manifest.Product, r *manifest.Release) (reasons []string) {
	ids := []string{"backup"}
	for _, c := range r.Checks {
		ids = append(ids, c.ID)
	}
	var counts []string
	for _, id := range slices.Sorted(maps.Keys(a.Params)) {
		if _, known := p.Params[id]; known {
			counts = append(counts, "params "+id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.Waivers)) {
		if slices.Contains(ids, id) {
			counts = append(counts, "waivers "+id)
			continue
		}
		text := fmt.Sprintf("%s has no check %q", r.Version, id)
		if hint := manifest.Meant(id, ids); hint != "" {
			text += ": " + hint
		}
		reasons = append(reasons, text)
	}
	if len(counts) > 0 {
		reasons = append(reasons, "what would still count: "+strings.Join(counts, ", "))
	}
	return reasons
}

func meantParam(id string, p *manifest.Product) string {
	if hint := manifest.Meant(id, paramOrder(p)); hint != "" {
		return ": " + hint
	}
	return ""
}

// joined adds what is not there yet.
func joined(to, from map[string]string, as func(string) string) map[string]string {
	out := maps.Clone(to)
	if out == nil {
		out = map[string]string{}
	}
	for k, v := range from {
		if _, given := out[k]; !given {
			out[k] = as(v)
		}
	}
	return out
}

// answeredParams adds the parameters of an answers file to those that are given.
// An upgrade takes those that may change in it; another value of one that may not
// is refused, and the same one is nothing new. A first install has no
// installation yet, and takes all.
func (req *Request) answeredParams(ctx context.Context, in *Installation, p *manifest.Product) error {
	if req.File == nil {
		return nil
	}
	take := map[string]string{}
	var reasons []string
	for _, id := range slices.Sorted(maps.Keys(req.File.Params)) {
		text := req.File.Params[id]
		switch {
		case in == nil || p.Params[id].Ask == "always" && !p.Params[id].Secret():
			take[id] = text
		case in.valueNow(ctx, p, id) != text:
			reasons = append(reasons, fmt.Sprintf("%s is not asked in an upgrade, and is otherwise in %s: take it out of the answers, or change it there", id, in.Path))
		}
	}
	if len(reasons) > 0 {
		return &RefusedError{What: "the answers cannot be used", Reasons: reasons}
	}
	req.Params.Given = joined(req.Params.Given, take, func(v string) string { return v })
	return nil
}
