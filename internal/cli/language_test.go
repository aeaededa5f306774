package cli

import (
	"bytes"
	"strings"
	"testing"
)

// TestSpoken: the flag decides, then the first of the environment that is set.
func TestSpoken(t *testing.T) {
	for _, tt := range []struct {
		args, env string
		want, err string
	}{
		{"status", "", "", ""},
		{"status", "LANG=fr_FR.UTF-8", "fr", ""},
		{"status", "LANG=fr_FR.UTF-8 LC_MESSAGES=C", "", ""},
		{"status", "LANG=en_GB LC_ALL=fr", "fr", ""},
		{"status", "LANG=de_DE", "", ""},
		{"status --language fr", "LC_ALL=C", "fr", ""},
		{"--language=fr status", "", "fr", ""},
		{"status --language en", "LANG=fr_FR", "", ""},
		{"runs -- --language fr", "", "", ""},
		{"status --language de", "LANG=fr_FR", "", `--language is en or fr, not "de"`},
		{"status --language", "", "", ""}, // the line itself is wrong then
	} {
		env := map[string]string{}
		for _, e := range strings.Fields(tt.env) {
			k, v, _ := strings.Cut(e, "=")
			env[k] = v
		}
		l, err := spoken(strings.Fields(tt.args), func(k string) string { return env[k] })
		code := ""
		if l != nil {
			code = l.Code
		}
		if code != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s with %s: %q, %v", tt.args, tt.env, code, err)
		}
	}
}

// TestHelpInFrench: no command and no flag is explained in English only.
func TestHelpInFrench(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"upgrade", "--help"}, {"feed"}, {"vendor", "keys", "create", "--help"}} {
		var out, errs bytes.Buffer
		a := &App{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(k string) string {
			return map[string]string{"LANG": "fr_FR.UTF-8"}[k]
		}}
		if code := a.Run(t.Context(), args); code != ExitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
		}
		text := strings.ReplaceAll(out.String(), "\u202f", " ")
		for _, want := range []string{"Utilisation :", "Options"} {
			if !strings.Contains(text, want) {
				t.Errorf("%v does not say %q:\n%s", args, want, text)
			}
		}
		for _, english := range []string{"Usage", "Flags:", " the ", " and ", "help for", "Available"} {
			if strings.Contains(text, english) {
				t.Errorf("%v says %q:\n%s", args, english, text)
			}
		}
	}
}
