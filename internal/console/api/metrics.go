package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// metrics gives figures as Prometheus reads them.
func (m *Machines) metrics(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed(w, "GET, HEAD")
		return
	}
	token, err := bearer(r)
	if err != nil && m.OpenMetrics && len(r.Header.Values("Authorization")) == 0 && fromHere(r) {
		token, err = "", nil
	}
	var o ask.Overview
	if err == nil {
		o, err = m.count(r.Context(), token)
	}
	if err != nil {
		problem(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	t := exposition{}
	figures(&t, o)
	m.ownFigures(&t)
	_, _ = w.Write([]byte(t.String())) // who asked has gone, otherwise
}

// count asks for the figures, by a token or without one.
func (m *Machines) count(ctx context.Context, token string) (ask.Overview, error) {
	who := ask.Person{Name: "metrics without a token"}
	if token != "" {
		var err error
		if who, err = m.Engine.AsToken(token).Who(ctx); err != nil {
			return ask.Overview{}, err
		}
	}
	leave, err := m.enter(who.Name, false)
	if err != nil {
		return ask.Overview{}, err
	}
	defer leave()
	return m.Engine.Figures(ctx, token)
}

// fromHere says whether a program of this computer asks.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && net.ParseIP(host).IsLoopback()
}

// figures are those of the installations. What is not known has no sample.
func figures(t *exposition, o ask.Overview) {
	all := o.Installations
	t.family("upkeep_build_info", "gauge", "The version of Upkeep that runs the hub; always 1.")
	t.sample(1, "version", o.Upkeep)
	t.family("upkeep_installation_info", "gauge", "An installation of this computer and its product; always 1.")
	for _, i := range all {
		t.sample(1, "installation", i.ID, "product", i.Product)
	}
	t.family("upkeep_installation_readable", "gauge", "Whether the state of the installation can be read; if not, nothing else is known of it.")
	for _, i := range all {
		t.sample(bit(i.Error == ""), "installation", i.ID)
	}
	t.family("upkeep_installed_version_info", "gauge", "The version of a part of the product; always 1.")
	for _, i := range all {
		for _, u := range i.Units {
			t.sample(1, "installation", i.ID, "unit", u.ID, "version", u.Version)
		}
	}
	t.family("upkeep_published_version_info", "gauge", "The version that was seen published last; always 1.")
	for _, i := range all {
		if i.Published.Version != "" {
			t.sample(1, "installation", i.ID, "version", i.Published.Version)
		}
	}
	t.family("upkeep_behind", "gauge", "Whether a newer version is published than is installed.")
	for _, i := range all {
		if i.Currency == ask.Behind || i.Currency == ask.UpToDate {
			t.sample(bit(i.Currency == ask.Behind), "installation", i.ID)
		}
	}
	t.family("upkeep_feed_look_timestamp_seconds", "gauge", "When it was looked for releases with success last.")
	for _, i := range all {
		t.moment(i.Published.Looked, "installation", i.ID)
	}
	t.family("upkeep_notices", "gauge", "How many things somebody should see to, by kind.")
	for _, i := range all {
		kinds := map[ask.NoticeKind]int{}
		for _, n := range i.Notices {
			kinds[n.Kind]++
		}
		for _, k := range ask.NoticeKinds() {
			if i.Error == "" {
				t.sample(float64(kinds[k]), "installation", i.ID, "kind", string(k))
			}
		}
	}
	runFigures(t, all)
	t.family("upkeep_restore_points", "gauge", "How many restore points there are.")
	for _, i := range all {
		if i.Error == "" && i.Points.Error == "" {
			t.sample(float64(i.Points.Count), "installation", i.ID)
		}
	}
	t.family("upkeep_restore_point_proven_timestamp_seconds", "gauge", "When a restore point was proven last.")
	for _, i := range all {
		t.moment(i.Points.Proven, "installation", i.ID)
	}
}

func runFigures(t *exposition, all []ask.Installation) {
	t.family("upkeep_run_open", "gauge", "Whether a run is open, by who carries it on.")
	for _, i := range all {
		for _, g := range []ask.Going{ask.UnderWay, ask.AsksPerson, ask.WaitsChoice, ask.Interrupted} {
			if i.Error == "" {
				t.sample(bit(i.Open != nil && i.Open.Going == g), "installation", i.ID, "going", string(g))
			}
		}
	}
	t.family("upkeep_last_run_result", "gauge", "How the last run ended: 1 for its result.")
	for _, i := range all {
		for _, res := range []ask.Result{ask.ResultNew, ask.ResultOld, ask.ResultMilestone} {
			if i.Last != nil && i.Last.Result != "" {
				t.sample(bit(i.Last.Result == res), "installation", i.ID, "result", string(res))
			}
		}
	}
	t.family("upkeep_last_run_outage_seconds", "gauge", "How long the last run kept users out.")
	for _, i := range all {
		if i.Last != nil && !i.Last.Closed.IsZero() {
			t.sample(i.Last.Outage.Seconds(), "installation", i.ID)
		}
	}
	t.family("upkeep_last_run_end_timestamp_seconds", "gauge", "When the last run ended.")
	for _, i := range all {
		if i.Last != nil {
			t.moment(i.Last.Closed, "installation", i.ID)
		}
	}
}

func bit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// exposition is text as Prometheus reads it (format 0.0.4). A family without
// samples is left out.
type exposition struct {
	strings.Builder
	name, head string
}

func (t *exposition) family(name, kind, help string) {
	t.name = name
	t.head = fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample writes one value; labels are names and values by turns.
func (t *exposition) sample(v float64, labels ...string) { t.part("", v, labels...) }

// moment writes a time, if there is one.
func (t *exposition) moment(at time.Time, labels ...string) {
	if !at.IsZero() {
		t.part("", float64(at.Unix()), labels...)
	}
}

// part writes a value of a family that has several: suffix says which.
func (t *exposition) part(suffix string, v float64, labels ...string) {
	t.WriteString(t.head + t.name + suffix)
	t.head = ""
	for n := 0; n < len(labels); n += 2 {
		open := ","
		if n == 0 {
			open = "{"
		}
		t.WriteString(open + labels[n] + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(labels[n+1], "\uFFFD")) + `"`)
	}
	if len(labels) > 0 {
		t.WriteString("}")
	}
	t.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
}
