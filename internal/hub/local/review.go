package local

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// editMost is how long a script may be that is edited on a page, in bytes.
const editMost = 128 << 10

// Review implements ask.Engine.
func (e *Engine) Review(ctx context.Context, by string, q ask.ScriptQuery) (ask.Review, error) {
	in, req, err := e.wished(ctx, q.Wish, by)
	if err != nil {
		return ask.Review{}, err
	}
	r, err := in.Review(ctx, req)
	if err != nil {
		return ask.Review{}, told(err)
	}
	return reviewView(r, q.Script)
}

// Judge implements ask.Engine.
func (e *Engine) Judge(ctx context.Context, by string, v ask.Verdict) (ask.Review, error) {
	in, req, err := e.wished(ctx, v.Wish, by)
	if err != nil {
		return ask.Review{}, err
	}
	d := manage.ReviewDecision{Script: v.Script, SHA256: v.SHA256, Note: v.Note}
	switch v.Judgement {
	case ask.Approve:
		d.Verdict = plan.Approved
	case ask.ByHand:
		d.Verdict = plan.DoneBy
	case ask.Edit:
		d.Verdict = plan.Edited
		if d.Content, err = e.edited(ctx, by, v); err != nil {
			return ask.Review{}, err
		}
	case ask.Forget:
		if _, err := in.ResetReview(ctx, req, v.Script); err != nil {
			return ask.Review{}, refused(err)
		}
		return e.Review(ctx, by, ask.ScriptQuery{Wish: v.Wish, Script: v.Script})
	default:
		return ask.Review{}, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("a script is approved, edited, done by hand or forgotten, and not %q", v.Judgement)}
	}
	r, _, err := in.DecideScript(ctx, req, d)
	if err != nil {
		return ask.Review{}, refused(err)
	}
	return reviewView(r, "")
}

// edited is what somebody has made of a script on a page. Browsers end lines with
// CR and LF, whatever the script does.
func (e *Engine) edited(ctx context.Context, by string, v ask.Verdict) ([]byte, error) {
	text := strings.ReplaceAll(v.Content, "\r\n", "\n")
	in, req, err := e.wished(ctx, v.Wish, by)
	if err != nil {
		return nil, err
	}
	r, err := in.Review(ctx, req)
	if err != nil {
		return nil, told(err)
	}
	n, err := r.Find(v.Script)
	if err != nil {
		return nil, told(err)
	}
	if why := notEdited(r.Scripts[n].Text); why != "" {
		return nil, &ask.Error{Kind: ask.Refused, Text: why}
	}
	if strings.Contains(r.Scripts[n].Text, "\r\n") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return []byte(text), nil
}

// notEdited says why a script cannot go through a page unchanged.
func notEdited(text string) string {
	plain := !strings.ContainsFunc(strings.ReplaceAll(text, "\r\n", "\n"), func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029 || r == 0xFEFF)
	})
	if len(text) > editMost || !plain || !utf8.ValidString(text) {
		return "it is too long to be edited on a page, or has characters that a browser would change: edit it in the terminal, with upkeep review edit SCRIPT --file FILE"
	}
	return ""
}

// reviewView shows a review with one of its scripts: the one that is named, or
// the first that is open.
func reviewView(r *manage.Review, script string) (ask.Review, error) {
	out := ask.Review{Product: r.Product, From: r.From, To: r.To, Databases: []ask.Database{}, Scripts: []ask.Script{}}
	for _, d := range r.Databases {
		db := ask.Database{Unit: d.Unit, Standard: d.Standard, Unknown: d.Unknown, Objects: []ask.Object{}}
		for _, o := range d.Objects {
			db.Objects = append(db.Objects, object(o))
		}
		out.Databases = append(out.Databases, db)
	}
	for _, s := range r.Scripts {
		out.Scripts = append(out.Scripts, reviewed(s.Reviewed))
	}
	open := slices.IndexFunc(r.Scripts, func(s manage.ReviewScript) bool { return s.Decision == nil })
	n := open
	if script != "" {
		var err error
		if n, err = r.Find(script); err != nil {
			return out, told(err)
		}
	}
	if n >= 0 {
		out.Shown = shown(r, n, n == open)
	}
	return out, nil
}

func reviewed(s plan.Reviewed) ask.Script {
	out := ask.Script{ID: s.Unit + ":" + s.Script, Path: s.Script, Unit: s.Unit, Release: s.Release, SHA256: s.SHA256, Mentions: s.Touches, Stale: s.Stale}
	if d := s.Decision; d != nil {
		out.Decided, out.By, out.Note, out.Diff = judgement(d.Verdict), d.By, d.Note, d.Diff
		out.At, _ = time.Parse(time.RFC3339, d.At) // no moment is shown, otherwise
	}
	return out
}

func judgement(v plan.Verdict) ask.Judgement {
	switch v {
	case plan.Edited:
		return ask.Edit
	case plan.DoneBy:
		return ask.ByHand
	}
	return ask.Approve
}

func object(o manage.ReviewObject) ask.Object {
	var b strings.Builder
	for _, h := range o.Hunks() {
		for _, l := range h.Lines {
			fmt.Fprintf(&b, "%c %s\n", l.Op, l.Text)
		}
	}
	return ask.Object{Name: o.Object().ID(), How: string(o.How), Diff: b.String(), Accepted: o.Accepted}
}

// shown is one script with its lines.
func shown(r *manage.Review, n int, next bool) *ask.Shown {
	s := &r.Scripts[n]
	out := &ask.Shown{N: n, Next: next || s.Decision != nil, Text: s.Text, Fixed: notEdited(s.Text), Lines: []ask.Line{}, Touches: []ask.Object{}}
	if s.Own != "" {
		out.Text, out.Diff = s.Own, s.Decision.Diff
	}
	out.Text = strings.ReplaceAll(out.Text, "\r\n", "\n")
	marked := map[int]bool{}
	db := r.Database(s.Unit)
	for _, m := range s.Marks {
		for _, l := range m.Lines {
			marked[l] = true
		}
		for _, o := range db.Objects {
			if o.Object().ID() == m.Object {
				out.Touches = append(out.Touches, object(o))
			}
		}
	}
	for line := range strings.Lines(strings.TrimPrefix(s.Text, "\uFEFF")) {
		out.Lines = append(out.Lines, ask.Line{Text: strings.TrimRight(line, "\r\n"), Marked: marked[len(out.Lines)+1]})
	}
	return out
}
