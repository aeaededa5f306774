package console

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/hub/ask"
)

var (
	used   = regexp.MustCompile(`\b[tn] "([a-z.-]+)"`)
	made   = regexp.MustCompile(`key "([a-z.-]+)"`)
	blanks = regexp.MustCompile(`\{[a-z]+\}`)
)

// kinds are the texts whose keys are made of values.
func kinds() map[string][]string {
	out := map[string][]string{
		"drift.what": {"content", "added", "removed", "missing", "changed", "type", "mode", "target"},
		"finding":    {"blocker", "warning", "info"}, "control": {"barrier", "milestone"},
		"going": {string(ask.UnderWay), string(ask.AsksPerson), string(ask.WaitsChoice), string(ask.Interrupted)},
	}
	out["event"] = []string{"planned", "off", "started", "waits", "went-back", "done", "point-failed", "proof-failed", "feed-unseen"}
	out["windows.for"] = []string{"users", "administrators"}
	out["open"] = out["going"]
	out["settings.here"] = []string{"nothing", "documents", "whole"}
	for _, k := range ask.ErrandKinds() {
		for _, group := range []string{"errand.going", "errand.done", "errand.failed", "errand.broken"} {
			out[group] = append(out[group], string(k))
		}
	}
	for _, s := range ask.BatchStates() {
		out["batch.state"] = append(out["batch.state"], string(s))
	}
	for _, s := range ask.Stages() {
		out["stage"] = append(out["stage"], string(s))
	}
	for _, k := range ask.AskedKinds() {
		out["asked"] = append(out["asked"], string(k))
	}
	for _, j := range ask.Judgements() {
		out["judged"] = append(out["judged"], string(j))
	}
	for _, k := range ask.NoticeKinds() {
		out["notice"] = append(out["notice"], string(k))
	}
	for _, p := range ask.Provens() {
		out["proven.by"] = append(out["proven.by"], string(p))
	}
	for _, s := range ask.Statuses() {
		out["status"] = append(out["status"], string(s))
	}
	for _, p := range ask.Parts() {
		out["part"] = append(out["part"], string(p))
	}
	for _, c := range ask.Choices() {
		out["choice"], out["choose"] = append(out["choice"], string(c)), append(out["choose"], string(c))
	}
	for _, r := range ask.Roles() {
		out["role"], out["role.may"] = append(out["role"], string(r)), append(out["role.may"], string(r))
	}
	for _, r := range ask.ActResults() {
		out["act.result"] = append(out["act.result"], string(r))
	}
	out["act"] = acts()
	for _, k := range ask.Kinds() {
		out["error.kind"], out["error.now"] = append(out["error.kind"], string(k)), append(out["error.now"], string(k))
	}
	return out
}

// TestTexts: every text that a page wants is there in every language, with the
// same values, and none is there that nobody wants.
func TestTexts(t *testing.T) {
	all, err := languages()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{"format.decimal": true, "error.nopage": true, "error.noinstallation": true, "error.foreign": true, "error.host": true, "error.unprintable": true, "error.token": true, "you.differ": true, "error.tls": true, "people.nosuch": true,
		"format.now": true, "format.never": true, "format.bytes": true, "format.minutes": true, "format.hours": true, "format.days": true, "log.broken": true, "run.title": true, "run.first": true, "errand.title": true}
	list, _ := templates.ReadDir("templates")
	groups := kinds()
	for _, f := range list {
		raw, err := templates.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(raw), -1) {
			wanted[m[1]] = true
		}
		for _, m := range made.FindAllStringSubmatch(string(raw), -1) {
			if groups[m[1]] == nil {
				t.Errorf("%s makes keys of %s, and kinds does not list them", f.Name(), m[1])
			}
		}
	}
	for group, ks := range groups {
		for _, k := range ks {
			wanted[group+"."+k] = true
		}
	}
	base := all[fallback]
	for key := range wanted {
		if base.texts[key] == "" {
			t.Errorf("texts/%s.json has no %s", fallback, key)
		}
	}
	for key := range base.texts {
		if plain := strings.TrimSuffix(key, ".one"); !wanted[plain] {
			t.Errorf("nobody wants %s", key)
		}
	}
	for code, l := range all {
		for key, text := range base.texts {
			other, ok := l.texts[key]
			if !ok || other == "" {
				t.Errorf("texts/%s.json has no %s", code, key)
				continue
			}
			want, have := values(text), values(other)
			if strings.HasSuffix(key, ".one") {
				want, have = without(want), without(have)
			}
			if !slices.Equal(want, have) {
				t.Errorf("texts/%s.json: %s has the values %v, not %v", code, key, have, want)
			}
		}
		for key := range l.texts {
			if _, ok := base.texts[key]; !ok {
				t.Errorf("texts/%s.json has %s, which texts/%s.json has not", code, key, fallback)
			}
		}
	}
}

func values(text string) []string {
	out := blanks.FindAllString(text, -1)
	slices.Sort(out)
	return slices.Compact(out)
}

func without(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "{n}" })
}

func TestAccepted(t *testing.T) {
	known := func(code string) bool { return code == "en" || code == "fr" }
	for header, want := range map[string]string{"": "en", "fr": "fr", "fr-CA,en;q=0.9": "fr", "de,fr;q=0.5,en;q=0.8": "en", "de": "en", "fr;q=0": "en", "*": "en", "fr;q=x": "en", ";;,,": "en", "EN-gb": "en", "FR": "fr"} {
		if got := accepted(header, known); got != want {
			t.Errorf("%q gives %s, want %s", header, got, want)
		}
	}
}

func FuzzAccepted(f *testing.F) {
	f.Add("fr-CA,en;q=0.9")
	f.Fuzz(func(t *testing.T, header string) {
		known := func(code string) bool { return code == "en" || code == "fr" }
		if got := accepted(header, known); !known(got) {
			t.Errorf("%q gives %s", header, got)
		}
	})
}
