package manage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// changeDocument asks for the parameters that may change in an upgrade, and
// makes the installation's document in memory the one with the new values and
// the features that are added. It gives what a step of the run has to write; nil
// when nothing changes.
func (in *Installation) changeDocument(ctx context.Context, p *manifest.Product, a Answers, input *plan.Input) error {
	if err := knownParams(p, a.Given); err != nil {
		return err
	}
	values, err := in.changedParams(ctx, p, a, input)
	choices := in.newChoices(p)
	if err != nil || len(values) == 0 && choices == nil {
		return err
	}
	text, err := in.FS.ReadFile(in.Path)
	if err != nil {
		return fmt.Errorf("cannot read the installation document: %w", err)
	}
	nodes, err := yaml.Parse(in.Path, text)
	if err != nil {
		return err
	}
	edited, err := site.SetParams(text, nodes[0], values)
	if err == nil && choices != nil {
		if nodes, err = yaml.Parse(in.Path, edited); err == nil {
			edited, err = site.SetChoices(edited, nodes[0], choices)
		}
	}
	if err != nil {
		return &RefusedError{What: in.Path + " cannot be changed", Reasons: []string{err.Error()}}
	}
	changed, err := openText(in.Path, edited, in.Exe)
	if err != nil {
		return err
	}
	if choices != nil {
		input.Changes = append(input.Changes, "choices: "+strings.Join(p.Chosen.Added, ", ")+" added")
	}
	was := sha256.Sum256(text)
	in.Doc = changed.Doc
	input.Changed = &plan.ParamsParams{Path: in.Path, Was: hex.EncodeToString(was[:]), Text: string(edited)}
	return nil
}

// newChoices gives what the document must say is chosen; nil where it says so, or
// where there is nothing new.
func (in *Installation) newChoices(p *manifest.Product) []string {
	c := p.Chosen
	if c == nil || len(c.Added) == 0 {
		return nil
	}
	for _, name := range c.Added {
		if !slices.Contains(in.Doc.Choices, name) {
			return c.Features
		}
	}
	return nil
}

// changedParams finds the values that are not as the document says.
func (in *Installation) changedParams(ctx context.Context, p *manifest.Product, a Answers, input *plan.Input) (map[string]string, error) {
	out := map[string]string{}
	var reasons []string
	fixed := in.fixed(ctx, p)
	for _, id := range paramOrder(p) {
		param := p.Params[id]
		text, given := a.Given[id]
		if param.Ask != "always" || param.Secret() {
			if given {
				reasons = append(reasons, fmt.Sprintf("%s is not asked in an upgrade: change it in %s", id, in.Path))
			}
			continue
		}
		now := in.valueNow(ctx, p, id)
		q := Question{Param: id, Title: param.Title, Type: cmp.Or(param.Type, "string"), Default: now, Fixed: fixed}
		if !given && a.Ask != nil {
			var err error
			if text, given, err = ask(ctx, a, &q, func(text string) error { return in.tried(ctx, p, id, text) }); err != nil {
				return nil, err
			}
			fixed = nil
		}
		if !given || text == now {
			continue
		}
		if err := in.tried(ctx, p, id, text); err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		out[id] = text
		input.Changes = append(input.Changes, fmt.Sprintf("%s: %s → %s", id, now, text))
	}
	if len(reasons) > 0 {
		return nil, &RefusedError{What: "the parameters cannot be used", Reasons: reasons}
	}
	return out, nil
}

// ask asks until the answer can be a value; no answer leaves it as it is.
func ask(ctx context.Context, a Answers, q *Question, try func(text string) error) (string, bool, error) {
	for range asks {
		text, ok, err := a.Ask(ctx, *q)
		if err != nil || !ok || text == "" {
			return "", false, err
		}
		if err = try(text); err == nil {
			return text, true, nil
		}
		q.Problem, q.Fixed = err.Error(), nil
	}
	return "", false, nil
}

// valueNow is what a parameter is now: what the document says, or the default.
func (in *Installation) valueNow(ctx context.Context, p *manifest.Product, id string) string {
	if v, ok := in.Doc.Params[id]; ok {
		return textOf(v)
	}
	v, err := in.surveyor().Default(ctx, p, in.Doc, id)
	if err != nil {
		return ""
	}
	return v
}

// fixed lists the parameters that an upgrade only shows.
func (in *Installation) fixed(ctx context.Context, p *manifest.Product) []Fixed {
	var out []Fixed
	for _, id := range paramOrder(p) {
		param := p.Params[id]
		if param.Ask == "always" && !param.Secret() {
			continue
		}
		if v := in.valueNow(ctx, p, id); v != "" {
			out = append(out, Fixed{cmp.Or(param.Title, id), v})
		}
	}
	return out
}
