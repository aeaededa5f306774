package local

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"upkeep/internal/cli/report"
	"upkeep/internal/cli/show"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// Report implements ask.Engine: the files that the terminal writes with --format.
func (e *Engine) Report(ctx context.Context, q ask.ReportQuery) (ask.File, error) {
	types := map[string]string{"html": "text/html; charset=utf-8", "json": "application/json"}
	out := ask.File{Type: types[q.Format]}
	if out.Type == "" {
		return out, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("a report is html or json, not %q", q.Format)}
	}
	var b bytes.Buffer
	var err error
	switch q.Kind {
	case ask.ReportRun:
		out.Name = "upkeep-" + q.Run
		err = e.reportRun(ctx, q, &b)
	case ask.ReportDrift:
		out.Name = fmt.Sprintf("upkeep-drift-%s-%s", q.Installation, time.Now().Format("20060102-150405"))
		err = e.reportDrift(ctx, q, &b)
	default:
		err = &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("there is no report of %q", q.Kind)}
	}
	if err != nil {
		return ask.File{}, told(err)
	}
	out.Name += "." + q.Format
	out.Data = b.Bytes()
	return out, nil
}

func (e *Engine) reportRun(ctx context.Context, q ask.ReportQuery, b *bytes.Buffer) error {
	in, r, err := e.run(ctx, q.Installation, q.Run)
	if err != nil {
		return err
	}
	o := show.Outcome{ID: r.ID, Plan: r.Plan, State: r.State, Waiting: r.Waiting, Now: time.Now(), Points: in.Points(r), Forecast: in.Forecast(r.ID).Outage}
	if q.Format == "json" {
		return encode(b, show.OutcomeJSON(o))
	}
	return report.RunHTML(b, in.Doc.ID, o)
}

func (e *Engine) reportDrift(ctx context.Context, q ask.ReportQuery, b *bytes.Buffer) error {
	in, err := e.quiet(ctx, q.Installation)
	if err != nil {
		return err
	}
	d, err := in.Drift(ctx, "", "")
	if err != nil {
		return err
	}
	if q.Format == "json" {
		return encode(b, d)
	}
	return report.DriftHTML(b, *d)
}

func encode(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Support implements ask.Engine.
func (e *Engine) Support(ctx context.Context, _ string, q ask.Of) (ask.File, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.File{}, err
	}
	raw, err := in.Support(ctx, e.Releases)
	if err != nil {
		return ask.File{}, told(err)
	}
	return ask.File{Name: fmt.Sprintf("upkeep-support-%s-%s.tar.zst", in.Doc.ID, time.Now().Format("20060102-150405")), Type: "application/zstd", Data: raw}, nil
}

// alone is what an installation's document says of its components, as long as what
// is installed stays the same.
type alone struct {
	of    string
	names []string
}

// Singles implements ask.Engine. It reads the installed release, all of it, once.
func (e *Engine) Singles(ctx context.Context, q ask.Of) ([]string, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return nil, err
	}
	s, err := in.Status(ctx)
	if err != nil {
		return nil, told(err)
	}
	of := fmt.Sprint(in.Path, s.Record)
	e.mu.Lock()
	known, ok := e.alone[q.Installation]
	e.mu.Unlock()
	if ok && known.of == of {
		return known.names, nil
	}
	all, err := in.Singles(ctx)
	if err != nil {
		return nil, told(err)
	}
	known = alone{of, []string{}}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if all[id] {
			known.names = append(known.names, id)
		}
	}
	e.mu.Lock()
	e.alone[q.Installation] = known
	e.mu.Unlock()
	return known.names, nil
}

// Settings implements ask.Engine.
func (e *Engine) Settings(ctx context.Context, q ask.Of) (ask.Settings, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Settings{}, err
	}
	d := in.Doc
	out := ask.Settings{Product: d.Product, Document: in.Path, State: in.State, Place: in.Place(), Engine: d.Backup.Engine, Encrypted: len(d.Backup.Encrypt.Recipients) > 0 || d.Backup.Password != nil,
		Keep: d.Backup.Keep.Or().String(), OnFailure: d.OnFailure, Notify: len(d.Notify) > 0, Trust: []ask.Trust{}}
	for _, trigger := range slices.Sorted(maps.Keys(d.Trust)) {
		t := ask.Trust{Trigger: trigger, Keys: []string{}}
		for _, k := range d.Trust[trigger] {
			t.Keys = append(t.Keys, k.File+k.Key) // one of them
		}
		out.Trust = append(out.Trust, t)
	}
	out.Feed.Folder = e.Releases
	if f := d.Feed; f != nil {
		out.Feed.Name, out.Feed.URLs, out.Feed.Channel, out.Feed.RootFile, out.Feed.Install, out.Feed.Between, out.Feed.Prefetch = cmp.Or(strings.Join(f.URLs, ", "), d.Product), f.URLs, f.Channel, f.Root, f.Install, f.Between, f.Prefetch
	}
	v, err := in.FeedList(ctx)
	var none *manage.NoFeedError
	switch {
	case errors.As(err, &none):
	case err != nil:
		out.Feed.Problem = err.Error()
	default:
		o := &out.Feed
		o.Name, o.Channel, o.Told, o.Root, o.Looked, o.Until, o.Expired, o.Problem = v.Feed, v.Channel, v.Told, v.Root, v.Looked, v.Until, v.Expired, v.Problem
		for _, r := range slices.Backward(v.Releases) {
			o.Releases = append(o.Releases, ask.FeedRelease{Version: r.Version, Published: r.Published, Withdrawn: r.Withdrawn, Installed: r.Installed, Here: r.Here, Notes: r.Notes})
		}
	}
	return out, nil
}
