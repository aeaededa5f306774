package manage

import (
	"context"
	"slices"

	"upkeep/internal/plan"
)

// toldList gives what a page or a command has told, and the product's own service
// has seen. It asks nobody but that service's file.
func (in *Installation) toldList(ctx context.Context) (*FeedView, error) {
	p, err := in.telling(ctx)
	if err != nil {
		return nil, err
	}
	t, err := in.teller(p)
	if err != nil {
		return nil, err
	}
	w, err := in.watched()
	if err != nil {
		return nil, err
	}
	out := &FeedView{Feed: t.source.Name, Product: in.Doc.Product, Looked: w.Looked, Tried: w.Tried, Problem: w.Problem, Told: true, Detected: w.Detected,
		Installed: []FeedUnit{}, Releases: []FeedRelease{}}
	if seen, err := in.detected(ctx, t); err == nil && t.cache != nil {
		out.Detected = seen
	}
	if err := in.listInstalled(ctx, out); err != nil {
		return nil, err
	}
	if v := w.Published; v.Version != "" {
		out.Releases = append(out.Releases, FeedRelease{Version: v.Version, Published: v.At, Seen: v.First, Here: "nothing",
			Installed: slices.ContainsFunc(out.Installed, func(u FeedUnit) bool { return u.Version == v.Version })})
	}
	return out, nil
}

// listInstalled adds what the units are on, and whether there is doubt.
func (in *Installation) listInstalled(ctx context.Context, out *FeedView) error {
	s, err := in.Status(ctx)
	if err != nil {
		return err
	}
	rows, err := in.Runs(ctx)
	if err != nil {
		return err
	}
	since := lastNew(rows)
	for _, r := range s.Record {
		u := FeedUnit{Unit: plan.UnitID(r.Component, r.Instance), Version: r.Version}
		u.Detected = s.Found[u.Unit]
		if u.Since = since; s.Adopted != nil {
			u.Since = s.Adopted.At
		}
		if u.Version != "" {
			out.Installed = append(out.Installed, u)
		}
	}
	out.Doubt = s.Watching != nil && s.Watching.Doubt()
	return nil
}
