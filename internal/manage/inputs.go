package manage

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"upkeep/internal/manifest"
	"upkeep/internal/site"
)

// Question asks a person for the value of one parameter.
type Question struct {
	Param   string  `json:"param"`
	Title   string  `json:"title,omitempty"`
	Type    string  `json:"type"`              // string, path, bool, int, secret
	Default string  `json:"default,omitempty"` // what stands when nothing is answered
	Problem string  `json:"problem,omitempty"` // why the answer before was not taken
	Fixed   []Fixed `json:"fixed,omitempty"`   // with the first question of an upgrade: what cannot be changed in it
}

// Fixed is a parameter that is only shown.
type Fixed struct{ Title, Value string }

// Answers are where the values of parameters come from.
type Answers struct {
	// Given are values by parameter. A secret is given as file:PATH or env:NAME.
	Given map[string]string
	// Ask asks a person; an empty answer takes the default. Not ok: nobody
	// answers. Nil where nobody is to be asked.
	Ask func(ctx context.Context, q Question) (answer string, ok bool, err error)
}

// MissingError lists the parameters that have no value, or none that can be
// used.
type MissingError struct{ Params []Question }

func (e *MissingError) Error() string {
	msg := "these parameters need a value:"
	for _, q := range e.Params {
		msg += "\n  " + q.Param + " (" + q.Type + ")"
		if q.Title != "" {
			msg += ": " + q.Title
		}
		if q.Problem != "" {
			msg += "; " + q.Problem
		}
	}
	return msg
}

// valueOf reads the text that was given for a parameter.
func valueOf(id string, param manifest.Param, text string) (site.Value, error) {
	v := site.Value{Text: text}
	if !utf8.ValidString(text) {
		return v, fmt.Errorf("it is no text: it must be UTF-8")
	}
	if param.Secret() {
		file, isFile := strings.CutPrefix(text, "file:")
		env, isEnv := strings.CutPrefix(text, "env:")
		switch {
		case isEnv && env != "":
			v = site.Value{Ref: &site.SecretRef{Env: env}}
		case isFile && filepath.IsAbs(file):
			v = site.Value{Ref: &site.SecretRef{File: filepath.Clean(file)}}
		default:
			// the text may be the secret itself: it is not repeated
			return v, fmt.Errorf("it is a secret: say file:PATH, with the whole path of a file of mode 0600, or env:NAME; never the secret itself")
		}
	}
	one := &manifest.Product{Params: map[string]manifest.Param{id: param}}
	for _, f := range site.Lint(&site.Installation{Params: map[string]site.Value{id: v}}, one) {
		if f.Level == manifest.LevelError {
			return v, fmt.Errorf("%s", f.Msg)
		}
	}
	return v, nil
}

// text writes a value as Answers.Given takes it.
func textOf(v site.Value) string {
	switch {
	case v.Ref != nil && v.Ref.File != "":
		return "file:" + v.Ref.File
	case v.Ref != nil:
		return "env:" + v.Ref.Env
	}
	return v.Text
}

// collect finds a value for every parameter of the product, puts it into the
// installation's document as it is in memory, and gives what the written
// document shall say. try looks whether a value can be right; nil: it can.
func (in *Installation) collect(ctx context.Context, p *manifest.Product, a Answers, try func(id string) error) ([]site.DraftParam, error) {
	if err := knownParams(p, a.Given); err != nil {
		return nil, err
	}
	var out []site.DraftParam
	var missing []Question
	can := try
	try = func(id string) error {
		if err := can(id); err != nil {
			return err
		}
		return in.surveyor().Try(ctx, p, in.Doc, id)
	}
	if in.Doc.Params == nil {
		in.Doc.Params = map[string]site.Value{}
	}
	for _, id := range paramOrder(p) {
		param := p.Params[id]
		q := Question{Param: id, Title: param.Title, Type: cmp.Or(param.Type, "string")}
		probed, err := in.surveyor().Default(ctx, p, in.Doc, id)
		if err == nil && !param.Secret() {
			q.Default = probed
		}
		v, ok, err := in.one(ctx, param, &q, a, try)
		if err != nil {
			return nil, err
		}
		line := site.DraftParam{ID: id, Comment: param.Title}
		switch {
		case ok && param.Default != nil && param.Default.Probe != nil && v.Text == q.Default && a.Given[id] == "":
			delete(in.Doc.Params, id)
			line.Comment = fmt.Sprintf("%s: %s is read of the product (%s)", id, cmp.Or(param.Title, "the value"), param.Default.Probe.Source)
		case ok:
			line.Value = &v
		case param.Ask == "when-needed" && q.Problem == "":
			continue
		default:
			missing = append(missing, q)
		}
		out = append(out, line)
	}
	for _, id := range paramOrder(p) { // one that rests on a later one could not be tried before
		if err := in.surveyor().Try(ctx, p, in.Doc, id); err != nil && len(missing) == 0 {
			missing = append(missing, Question{Param: id, Title: p.Params[id].Title, Type: cmp.Or(p.Params[id].Type, "string"), Problem: err.Error()})
		}
	}
	if len(missing) > 0 {
		return nil, &MissingError{Params: missing}
	}
	return out, nil
}

// tried says why a text cannot be a parameter's value: it cannot be read as one,
// or the vendor's probe finds that it is not right.
func (in *Installation) tried(ctx context.Context, p *manifest.Product, id, text string) error {
	v, err := valueOf(id, p.Params[id], text)
	if err != nil {
		return err
	}
	doc := *in.Doc
	doc.Params = maps.Clone(in.Doc.Params)
	if doc.Params == nil {
		doc.Params = map[string]site.Value{}
	}
	doc.Params[id] = v
	return in.surveyor().Try(ctx, p, &doc, id)
}

// asks bounds how often a person is asked for one value.
const asks = 5

// one finds the value of one parameter: given, answered, or its default.
func (in *Installation) one(ctx context.Context, param manifest.Param, q *Question, a Answers, try func(id string) error) (site.Value, bool, error) {
	accept := func(text string) (site.Value, bool) {
		v, err := valueOf(q.Param, param, text)
		if err == nil {
			in.Doc.Params[q.Param] = v
			if err = try(q.Param); err == nil {
				return v, true
			}
		}
		delete(in.Doc.Params, q.Param)
		q.Problem = err.Error()
		return v, false
	}
	if text, given := a.Given[q.Param]; given {
		v, ok := accept(text)
		return v, ok, nil
	}
	if a.Ask == nil || param.Ask == "when-needed" && (q.Default != "" || param.Default == nil) {
		if q.Default == "" {
			return site.Value{}, false, nil
		}
		v, ok := accept(q.Default)
		return v, ok, nil
	}
	for range asks {
		text, ok, err := a.Ask(ctx, *q)
		if err != nil {
			return site.Value{}, false, err
		}
		if !ok {
			text = ""
		}
		if text = strings.TrimSpace(text); text == "" {
			text = q.Default
		}
		if text == "" && !ok {
			return site.Value{}, false, nil
		}
		if text != "" {
			if v, fine := accept(text); fine || !ok {
				return v, fine, nil
			}
			continue
		}
		q.Problem = "it needs a value"
	}
	return site.Value{}, false, nil
}

// knownParams refuses values of parameters that the product does not have.
func knownParams(p *manifest.Product, given map[string]string) error {
	var reasons []string
	for id := range given {
		if _, ok := p.Params[id]; !ok {
			reasons = append(reasons, fmt.Sprintf("%s has no parameter %q: it has %s", p.ID, id, strings.Join(paramOrder(p), ", ")))
		}
	}
	if len(reasons) > 0 {
		slices.Sort(reasons)
		return &RefusedError{What: "the parameters cannot be used", Reasons: reasons}
	}
	return nil
}

// paramOrder gives the parameters as the product's document lists them.
func paramOrder(p *manifest.Product) []string {
	if len(p.ParamOrder) == len(p.Params) {
		return p.ParamOrder
	}
	var ids []string
	for id := range p.Params {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// uses says whether a text of the product's document rests on a parameter,
// itself or through a folder.
func uses(p *manifest.Product, text, param string) bool {
	for depth := 0; depth < 8; depth++ {
		if strings.Contains(text, "${param."+param+"}") {
			return true
		}
		next := text
		for id, dir := range p.Dirs {
			next = strings.ReplaceAll(next, "${dir."+id+"}", dir)
		}
		if next == text {
			return false
		}
		text = next
	}
	return false
}
