package lingua

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the lists of what is not translated anew")

// foreign are texts that libraries and systems bring: cobra's and pflag's, and
// errors of Go and of the kernel.
var foreign = []string{"Usage:", "Aliases:", "Examples:", "Available Commands:", "Additional Commands:", "Global Flags:", "Flags:", "Additional help topics:",
	"for more information about a command.",
	"no such file or directory",
	"permission denied",
	"connection refused",
	"file exists",
	"is a directory",
	"not a directory",
	"no space left on device",
	"read-only file system",
	"device or resource busy",
	"operation not permitted",
	"unexpected EOF",
	"context deadline exceeded",
	"context canceled",
	"i/o timeout",
	"connection reset by peer",
	"network is unreachable",
	"no route to host",
	"no such host",
	"exit status %d",
	"signal: killed",
	"text file busy",
	"too many open files",
	"directory not empty",
	"Help about any command",
	"Generate the autocompletion script for the specified shell",
	"Generate the autocompletion script for %s",
	"disable completion descriptions",
	"unknown flag: %s",
	"unknown shorthand flag: %q in %s",
	"flag needs an argument: %s",
	"flag needs an argument: %q in %s",
	"invalid argument %q for %q flag: %s",
	"help for %s",
}

func catalog(t testing.TB, code string) file {
	t.Helper()
	raw, err := files.ReadFile("languages/" + code + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCatalogs: every text that people may read is in every language, or in the
// list of those that are not yet; and none is there that the source has no more.
// go test ./internal/lingua -run TestCatalogs -update writes the list anew.
func TestCatalogs(t *testing.T) {
	all, words := sources(t)
	known := map[string]bool{}
	for _, s := range all {
		known[s.Format] = true
	}
	for _, code := range Codes() {
		if code == English {
			continue
		}
		f := catalog(t, code)
		at := filepath.Join("testdata", code+".missing")
		var missing []string
		for _, s := range all {
			if _, ok := f.Texts[s.Format]; !ok {
				missing = append(missing, strconv.Quote(s.Format))
			}
		}
		slices.Sort(missing)
		if *update {
			if err := os.WriteFile(at, []byte(strings.Join(missing, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		listed := strings.Split(strings.TrimSpace(string(raw)), "\n")
		for _, m := range missing {
			if !slices.Contains(listed, m) {
				t.Errorf("%s.json has no %s, which the source says", code, m)
			}
		}
		for _, l := range listed {
			if l != "" && !slices.Contains(missing, l) {
				t.Errorf("testdata/%s.missing lists %s, which is translated, or in the source no more: take it out", code, l)
			}
		}
		for from := range f.Texts {
			if !known[from] && !words[from] && !slices.Contains(foreign, from) {
				t.Errorf("%s.json has %q, which the source does not say", code, from)
			}
		}
		t.Logf("%s: %d texts, %d not translated", code, len(all), len(missing))
	}
}

var verbs = regexp.MustCompile(`%(?:\[(\d)\])?[-+# 0-9.]*([a-zA-Z%])`)

// TestValues: a translation has the values of its source, in an order that says
// so where it is another one, and begins and ends with the same blanks.
func TestValues(t *testing.T) {
	for _, code := range Codes() {
		if code == English {
			continue
		}
		for from, to := range catalog(t, code).Texts {
			if _, err := parse(from, to); err != nil {
				t.Errorf("%s: %v", code, err)
			}
			want, have := kinds(from), kinds(to)
			if !slices.Equal(want, have) {
				t.Errorf("%s: %q has the values %s, and %q has %s", code, from, want, to, have)
			}
			if ends(from) != ends(to) {
				t.Errorf("%s: %q and %q begin or end with other blanks", code, from, to)
			}
			if to == "" {
				t.Errorf("%s: %q is translated by nothing", code, from)
			}
		}
	}
}

// kinds are the verbs of a format by the number of their value.
func kinds(format string) []string {
	var out []string
	at := 0
	for _, m := range verbs.FindAllStringSubmatch(format, -1) {
		if m[2] == "%" {
			continue
		}
		at++
		if n, err := strconv.Atoi(m[1]); err == nil {
			at = n
		}
		out = append(out, strconv.Itoa(at)+m[2])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func ends(text string) [2]string {
	return [2]string{strings.ReplaceAll(text[:len(text)-len(strings.TrimLeft(text, " \n\u202f"))], "\u202f", ""), text[len(strings.TrimRight(text, " \n")):]}
}

// TestTypography of French: no-break spaces before marks, no typewriter's
// apostrophe in a word, no English quotes around words.
func TestTypography(t *testing.T) {
	bad := regexp.MustCompile(`[\pL\d)»] [:;?!»](?:\s|$)|\pL'\pL|« \S|\S »`)
	for from, to := range catalog(t, "fr").Texts {
		if m := bad.FindString(to); m != "" {
			t.Errorf("%q: %q in %q", from, m, to)
		}
	}
}
