package manage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What no computer can evaluate is found before a release goes out, at its place.
func TestUnfitProbes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "upkeep.yaml")
	lint := func(probes string) string {
		t.Helper()
		text := "product: {id: shop, versions: dotted}\nfacts: " + probes + "\ncomponents: {app: {kind: tree, at: /srv/app, version: {file: /srv/app/VERSION}}}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := Lint(path)
		if r.Error != "" {
			return r.Error
		}
		var out []string
		for _, f := range r.Findings {
			out = append(out, f.ID+" "+strings.TrimPrefix(f.At, path)+" "+f.Msg)
		}
		return strings.Join(out, "\n")
	}
	for probes, want := range map[string]string{
		`{a: {file: /x, expect: ">= 2.0, < 1.0"}}`:                              `unfit-probe :2:12 probe file: cannot read expectation ">= 2.0, < 1.0": nothing is both >= 2.0 and < 1.0`,
		`{a: {memory: totl}}`:                                                   `unfit-probe :2:12 probe memory: "totl" is none of total, available, swap`,
		`{a: {mount: /srv, select: netwrk}}`:                                    `unfit-probe :2:12 probe mount: netwrk cannot be selected: network was probably meant`,
		`{a: {inventory: plug-ins}}`:                                            `unfit-probe :2:12 probe inventory: it does not say where its list is`,
		`{a: {inventory: plug-ins, from: {command: [list], select: "("}}}`:      `unfit-probe :2:12 probe inventory: cannot compile`,
		`{a: {inventory: plug-ins, from: {command: [list]}, select: "${app}"}}`: "unknown-reference",
		`{a: {inventory: plug-ins, from: {comand: [list]}}}`:                    `did you mean "command"?`,
		`{a: {inventory: p, from: {file: /x, expect: "1"}}}`:                    "what is expected belongs to the inventory",
		`{a: {file: "${param.x}", expect: ">= 2, < 1"}}`:                        "undeclared-reference",
		`{a: {log: []}}`: `"log" needs the path of a log`,
		`{a: {log: [/var/log/a, "/var/log/b*"], since: last-run, level: error}}`: "",
		`{a: {udp: 53}, b: {redis: "h:1", select: role}, c: {timer: x}}`:         "",
		`{a: {drift: x}}`: `there is no database "x"`,
	} {
		if got := lint(probes); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", probes, got, want)
		}
	}
}
