package local

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// saidMost is how many lines of a fix's output are kept, and how long one may be.
const (
	saidMost = 200
	lineMost = 2000
)

// staysUp is after what time a service that was started is looked at again.
const staysUp = time.Second

// Fixes implements ask.Engine.
func (e *Engine) Fixes(ctx context.Context, by string, q ask.FixQuery) (ask.Fixes, error) {
	_, s, err := e.visit(ctx, by, q)
	if err != nil || s == nil {
		return ask.Fixes{Finding: q.Finding, Try: []ask.Fix{}, Gone: s == nil}, err
	}
	out := ask.Fixes{Finding: s.ID, Text: s.Evidence, Try: []ask.Fix{}, Else: s.Else}
	for _, r := range s.Try {
		if text := remedy(r).Text; text != "" {
			out.Try = append(out.Try, ask.Fix{Text: text, Carries: simple(r)})
		}
	}
	return out, nil
}

// simple says that a remedy is one command, or one thing done with a service: what
// leads on to other commands is the terminal's.
func simple(r manage.Remedy) bool {
	return r.Carries() && len(r.Upkeep) == 0 && len(r.During) == 0 && r.Wait == 0
}

// visit looks for what mends a finding; nil: it is there no more.
func (e *Engine) visit(ctx context.Context, by string, q ask.FixQuery) (*manage.Visit, *manage.Symptom, error) {
	in, req, err := e.wished(ctx, q.Wish, by)
	if err != nil {
		return nil, nil, err
	}
	v, err := in.CheckFix(ctx, req)
	if err != nil {
		return nil, nil, told(err)
	}
	for i := range v.Symptoms {
		if v.Symptoms[i].ID == q.Finding {
			return v, &v.Symptoms[i], nil
		}
	}
	return v, nil, nil
}

// Mend implements ask.Engine. Nobody who goes away leaves it half done.
func (e *Engine) Mend(ctx context.Context, by string, m ask.Mending) (ask.Mended, error) {
	ctx = context.WithoutCancel(ctx)
	v, s, err := e.visit(ctx, by, m.FixQuery)
	if err != nil || s == nil {
		return ask.Mended{Gone: s == nil && err == nil}, err
	}
	for _, r := range s.Try {
		if remedy(r).Text != m.Text || !simple(r) {
			continue
		}
		var said lines
		out := ask.Mended{}
		if err := v.Carry(ctx, r, by, &said); err != nil {
			out.Error = err.Error()
		}
		if r.Service != "" && out.Error == "" { // it may run for a moment only
			time.Sleep(staysUp)
		}
		_, there, err := v.Again(ctx, *s)
		if err != nil {
			return out, told(err)
		}
		out.Gone, out.Said = !there, said
		return out, nil
	}
	return ask.Mended{}, &ask.Error{Kind: ask.Moved, Text: fmt.Sprintf("what helps against %s is not that any more; nothing was done", m.Finding)}
}

// lines keeps the last lines that are written.
type lines []string

func (l *lines) Write(p []byte) (int, error) {
	text := bytes.TrimRight(p, "\r\n")
	text = text[bytes.LastIndexByte(text, '\r')+1:]
	*l = append(*l, string(text[:min(len(text), lineMost)]))
	if extra := len(*l) - saidMost; extra > 0 {
		*l = (*l)[extra:]
	}
	return len(p), nil
}
