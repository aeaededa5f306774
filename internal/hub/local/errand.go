package local

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// Errand implements ask.Engine.
func (e *Engine) Errand(ctx context.Context, q ask.Of) (ask.Errand, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Errand{}, err
	}
	s, err := in.LastErrand()
	if err != nil || s == nil {
		return ask.Errand{Installation: q.Installation}, told(err)
	}
	return errand(q.Installation, s), nil
}

func errand(installation string, s *manage.ErrandState) ask.Errand {
	return ask.Errand{Installation: installation, Kind: ask.ErrandKind(s.Kind), Point: s.Point, Only: s.Only, Note: s.Note, Symptom: s.Symptom,
		ID: s.ID, By: s.By, Began: s.Began, Ended: s.Ended, Going: s.Process != 0, Broken: s.Interrupted(), Stage: s.Stage, Done: s.Done, Total: s.Total, Part: s.Part,
		Lines: s.Lines, Made: s.Made, Still: s.Still, Problem: s.Error}
}

// Send implements ask.Engine. What the work is refused for comes at once where
// that can be told at once.
func (e *Engine) Send(ctx context.Context, by string, w ask.Errand) (ask.Errand, error) {
	in, err := e.open(ctx, w.Installation)
	if w.Kind != ask.ErrandVerify && err == nil {
		in, err = e.quiet(ctx, w.Installation)
	}
	if err != nil {
		return ask.Errand{}, err
	}
	do := manage.Errand{Kind: manage.ErrandKind(w.Kind), By: by, Point: w.Point, Only: w.Only, Note: strings.TrimSpace(w.Note), Symptom: w.Symptom}
	switch w.Kind {
	case ask.ErrandCreate:
	case ask.ErrandVerify:
		err = pointThere(ctx, in, w.Point)
	case ask.ErrandRestore:
		if do.Seen = w.Sum; w.Sum == "" {
			err = &ask.Error{Kind: ask.Invalid, Text: "a yes to a restore names what was shown"}
			break
		}
		err = in.CheckRestore(ctx, manage.Restore{Point: w.Point, Only: w.Only})
	case ask.ErrandMend:
		do.Remedy, do.From = w.Sum, e.Releases
	default:
		err = &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("%q is nothing that is done outside of a run", w.Kind)}
	}
	if err != nil {
		return ask.Errand{}, told(err)
	}
	// from here on nobody who goes away leaves it half begun
	if _, err := in.Send(context.WithoutCancel(ctx), do); err != nil {
		var busy *manage.ErrandBusyError
		if errors.As(err, &busy) {
			return ask.Errand{}, &ask.Error{Kind: ask.Refused, Text: err.Error()}
		}
		return ask.Errand{}, told(err)
	}
	return e.Errand(ctx, ask.Of{Installation: w.Installation})
}

func pointThere(ctx context.Context, in *manage.Installation, id string) error {
	list, err := in.ListPoints(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.ID == id {
			return nil
		}
	}
	return &ask.Error{Kind: ask.Unknown, Text: fmt.Sprintf("there is no restore point %q any more", id)}
}

// Outlook implements ask.Engine.
func (e *Engine) Outlook(ctx context.Context, _ string, q ask.PointQuery) (ask.Outlook, error) {
	in, err := e.quiet(ctx, q.Installation)
	if err == nil {
		err = told(pointThere(ctx, in, q.Point))
	}
	if err != nil {
		return ask.Outlook{}, err
	}
	r := manage.Restore{Point: q.Point, Only: q.Only}
	o, err := in.LookRestore(ctx, r)
	if err != nil {
		return ask.Outlook{}, told(err)
	}
	out := ask.Outlook{Product: in.Doc.Product, Point: o.Point.ID, Made: o.Point.Made, Version: o.Point.About.Version, Installed: o.Installed, Services: o.Services, Sum: o.Sum, Changes: []ask.OutlookChange{}}
	for _, p := range o.Point.Parts {
		out.Parts = append(out.Parts, p.Name)
	}
	for _, c := range o.Changes {
		out.Changes = append(out.Changes, ask.OutlookChange{Part: c.Part, Database: c.Kind != "files", Path: c.Path, Same: c.Same, Added: c.Added, Changed: c.Changed, Removed: c.Removed, Files: c.Files, Replaced: c.Replaced})
	}
	if err := in.CheckRestore(ctx, r); err != nil {
		out.Refused = err.Error()
	}
	return out, nil
}

// Refresh implements ask.Engine.
func (e *Engine) Refresh(ctx context.Context, _ string, q ask.Of) (ask.Refreshed, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Refreshed{}, err
	}
	v, fresh, err := in.FeedRefresh(ctx)
	if err != nil {
		var none *manage.NoFeedError
		if err = told(err); errors.As(err, &none) || ask.KindOf(err) == ask.Broken {
			err = &ask.Error{Kind: ask.Refused, Text: err.Error()}
		}
		return ask.Refreshed{}, err
	}
	out := ask.Refreshed{New: append([]string{}, fresh...)}
	for _, r := range v.Releases {
		if r.Withdrawn == "" {
			out.Published = r.Version
		}
	}
	return out, nil
}
