package api

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"upkeep/internal/hub/ask"
)

// scrape reads figures as Prometheus does.
func scrape(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	got, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return got
}

// value gives the value of the sample with the labels, names and values by turns.
func value(t *testing.T, all map[string]*dto.MetricFamily, name string, labels ...string) (float64, bool) {
	t.Helper()
	for _, m := range all[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		same := len(has) == len(labels)/2
		for n := 0; n < len(labels); n += 2 {
			same = same && has[labels[n]] == labels[n+1]
		}
		if same {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
		}
	}
	return 0, false
}

func TestMetrics(t *testing.T) {
	s := open(t, false)
	s.do(s.request("GET", "/api/v1/nothing", ""))
	w := s.do(s.request("GET", "/metrics", ""))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
	text := w.Body.String()
	all := scrape(t, text)
	for _, tt := range []struct {
		name   string
		labels string
		want   float64
	}{
		{"upkeep_build_info", "version 0.9", 1},
		{"upkeep_installation_readable", "installation notes", 1},
		{"upkeep_installation_readable", "installation sick", 0},
		{"upkeep_installed_version_info", "installation notes unit web version 1.0", 1},
		{"upkeep_published_version_info", "installation notes version 2.0", 1},
		{"upkeep_behind", "installation notes", 1},
		{"upkeep_feed_look_timestamp_seconds", "installation notes", float64(now.Unix())},
		{"upkeep_notices", "installation notes kind feed", 1},
		{"upkeep_notices", "installation notes kind late", 0},
		{"upkeep_run_open", "installation notes going waits", 1},
		{"upkeep_run_open", "installation notes going under-way", 0},
		{"upkeep_run_open", "installation shop going waits", 0},
		{"upkeep_last_run_result", "installation notes result old", 1},
		{"upkeep_last_run_result", "installation notes result new", 0},
		{"upkeep_last_run_outage_seconds", "installation notes", 95},
		{"upkeep_last_run_end_timestamp_seconds", "installation notes", float64(now.Unix())},
		{"upkeep_restore_points", "installation notes", 3},
		{"upkeep_restore_point_proven_timestamp_seconds", "installation notes", float64(now.Unix())},
		{"upkeep_hub_requests_total", "part api code 404", 1},
		{"upkeep_hub_event_streams", "part api", 0},
	} {
		if got, ok := value(t, all, tt.name, strings.Fields(tt.labels)...); !ok || got != tt.want {
			t.Errorf("%s{%s} is %v, %v, want %v", tt.name, tt.labels, got, ok, tt.want)
		}
	}
	if got, ok := value(t, all, "upkeep_installation_info", "installation", "notes", "product", "no\"te\\s\n"); !ok || got != 1 {
		t.Errorf("a product with strange letters in its name is missing:\n%s", text)
	}
	for _, tt := range [][2]string{{"upkeep_behind", "shop"}, {"upkeep_behind", "sick"}, {"upkeep_last_run_outage_seconds", "shop"}, {"upkeep_restore_points", "sick"}, {"upkeep_feed_look_timestamp_seconds", "shop"}} {
		if got, ok := value(t, all, tt[0], "installation", tt[1]); ok {
			t.Errorf("%s of %s is %v, though nobody knows", tt[0], tt[1], got)
		}
	}
	for _, secret := range []string{"anna", "secret", "/etc/upkeep"} {
		if strings.Contains(text, secret) {
			t.Errorf("the figures tell %s:\n%s", secret, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("by Prometheus' conventions: %s: %s", p.Metric, p.Text)
	}
}

// TestMetricsFor: a token of one installation gets the figures of that one.
func TestMetricsFor(t *testing.T) {
	s := open(t, false)
	shop := s.add("shop", ask.Viewer, "shop")
	text := s.do(s.request("GET", "/metrics", "", "Authorization", "Bearer "+shop)).Body.String()
	if strings.Contains(text, "notes") || !strings.Contains(text, `installation="shop"`) {
		t.Error(text)
	}
	if got := s.do(s.request("GET", "/api/v1/overview", "", "Authorization", "Bearer "+shop)).Body.String(); strings.Contains(got, "notes") || !strings.Contains(got, `"shop"`) {
		t.Error(got)
	}
}

// TestMetricsOpen: without a token only programs of this computer get figures,
// and only where the hub was told so; a wrong token is none.
func TestMetricsOpen(t *testing.T) {
	for _, tt := range []struct {
		open   bool
		from   string
		auth   string
		status int
	}{
		{true, "127.0.0.1:9", "", 200}, {true, "[::1]:9", "", 200}, {true, "192.0.2.7:9", "", 401}, {false, "127.0.0.1:9", "", 401},
		{true, "127.0.0.1:9", "Bearer x", 401},
	} {
		s := open(t, tt.open)
		r := s.request("GET", "/metrics", "", "Authorization", tt.auth)
		r.RemoteAddr = tt.from
		if w := s.do(r); w.Code != tt.status || tt.status == 200 && !strings.Contains(w.Body.String(), "upkeep_behind") {
			t.Errorf("%+v: %d %s", tt, w.Code, w.Body)
		}
	}
	// the page, broken into, gets no more by it
	s := open(t, false)
	if _, err := ask.NewClient(s.at, nil).Figures(t.Context(), ""); ask.KindOf(err) != ask.Denied {
		t.Errorf("the engine side gives figures: %v", err)
	}
}

// FuzzExposition: whatever a name holds, Prometheus reads it back.
func FuzzExposition(f *testing.F) {
	f.Add("a\"b\\c\nd\x00é\xff")
	f.Fuzz(func(t *testing.T, name string) {
		var b exposition
		b.family("upkeep_behind", "gauge", "Whether.")
		b.sample(1, "installation", name, "kind", "x")
		got, ok := value(t, scrape(t, b.String()), "upkeep_behind", "installation", strings.ToValidUTF8(name, "\uFFFD"), "kind", "x")
		if !ok || got != 1 {
			t.Errorf("%q is read as\n%s", name, b.String())
		}
	})
}
