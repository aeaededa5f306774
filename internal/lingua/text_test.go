package lingua

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func french(t testing.TB) *Language {
	t.Helper()
	l, err := Of("fr")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// plain writes no-break spaces as blanks, to be read in a test.
func plain(s string) string { return strings.ReplaceAll(s, "\u202f", " ") }

func TestText(t *testing.T) {
	l := french(t)
	for from, want := range map[string]string{
		"":                       "",
		"Nothing was changed.\n": "Rien n’a été changé.\n",
		"the upgrade cannot start; nothing was changed":                   "la mise à niveau ne peut pas commencer ; rien n’a été changé",
		"run 7 was interrupted":                                           "l’exécution 7 a été interrompue",
		"cannot read the log: open /var/log/x: no such file or directory": "impossible de lire le journal : open /var/log/x : aucun fichier ou dossier de ce nom",
		"cannot take /srv/a away: cannot read the log: EOF":               "impossible de retirer /srv/a : impossible de lire le journal : EOF",
		"Features of shop":                                                "Fonctionnalités de shop",
		"\x1b[32m✓\x1b[m shop is on 3.1, verified and open":               "\x1b[32m✓\x1b[m shop est en 3.1, vérifié et ouvert",
		"  \x1b[1mWhat changes\x1b[m":                                     "  \x1b[1mCe qui change\x1b[m",
		"needs 3.5 GiB":                                                   "demande 3,5 Gio",
		"Our shop is closed for the day; come back: tomorrow":             "Our shop is closed for the day; come back: tomorrow",
		"backup":         "backup", // an id
		"as good as new": "as good as new",
		"line one of others\nNothing was changed.\nline three of others\n": "line one of others\nRien n’a été changé.\nline three of others\n",
		"database": "database",
		"  " + Verbatim + "\x1b[32mfrom users\x1b[m\nNothing was changed.\n": "  " + Verbatim + "\x1b[32mfrom users\x1b[m\nRien n’a été changé.\n",
	} {
		if got := plain(l.Text(from)); got != want {
			t.Errorf("%q:\n got %q\nwant %q", from, got, want)
		}
	}
	if l.Word("barrier") != "point de non-retour" || l.Word("shop") != "shop" {
		t.Errorf("words: %q, %q", l.Word("barrier"), l.Word("shop"))
	}
	var none *Language
	if none.Text("run 7 was interrupted") != "run 7 was interrupted" || none.Word("run") != "run" {
		t.Error("English is not as it was")
	}
}

func TestChosen(t *testing.T) {
	for name, want := range map[string]string{"fr": "fr", "fr_FR.UTF-8": "fr", "fr-CA": "fr", "FR": "fr", "fr@euro": "fr", "C": "en", "C.UTF-8": "en", "POSIX": "en", "en_GB": "en", "de_DE.UTF-8": "", "": "", "../fr": ""} {
		if got := Chosen(name); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
	if _, err := Of("de"); err == nil || !strings.Contains(err.Error(), "en, fr") {
		t.Errorf("a language that is not there: %v", err)
	}
}

// TestNoValueIsLost: whatever values a known format is given, all of them are
// in its translation, and the English words are gone.
func TestNoValueIsLost(t *testing.T) {
	l := french(t)
	var all []*pattern
	for from, to := range catalog(t, "fr").Texts {
		p, err := parse(from, to)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.verbs) > 0 && p.letters >= enough {
			all = append(all, p)
		}
	}
	name := rapid.StringMatching(`[a-z]{1,5}[0-9]{1,3}(/[a-z0-9]{1,4}){0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		p := all[rapid.IntRange(0, len(all)-1).Draw(t, "format")]
		var text strings.Builder
		var values []string
		for i, verb := range p.verbs {
			v := ""
			switch verb {
			case 'd':
				v = fmt.Sprint(rapid.IntRange(0, 100000).Draw(t, "number"))
			case 'f', 'g':
				v = "7"
			case 'q':
				v = fmt.Sprintf("%q", name.Draw(t, "quoted"))
			default:
				v = name.Draw(t, "value")
			}
			if n := p.number[i]; n < i {
				v = values[n]
			}
			values = append(values, v)
			text.WriteString(p.from[i] + v)
		}
		text.WriteString(p.from[len(p.from)-1])
		got := l.Text(text.String())
		for _, v := range values {
			if strings.Count(got, v) < 1 {
				t.Fatalf("%q became %q: %q is lost", text.String(), got, v)
			}
		}
	})
}

// TestEachIsFound: a text that was made of a format with names as values is
// translated by that format, or by one that says the same.
func TestEachIsFound(t *testing.T) {
	l := french(t)
	alike := map[string]int{} // formats that make the same texts: " of %s" and "%s of %s"
	for from := range catalog(t, "fr").Texts {
		if p, err := parse(strings.Trim(from, "\n"), strings.Trim(from, "\n")); err == nil {
			alike[strings.ReplaceAll(strings.Join(p.from, "%"), "%%", "%")]++
		}
	}
	for from, to := range catalog(t, "fr").Texts {
		p, err := parse(strings.Trim(from, "\n"), strings.Trim(to, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if len(p.verbs) == 0 || p.from[0] == "" && len(p.verbs) == 1 && strings.HasPrefix(from, " ") {
			continue
		}
		var text strings.Builder
		var values []finding
		for i, verb := range p.verbs {
			v := fmt.Sprintf("x%d", i)
			switch verb {
			case 'd':
				v = fmt.Sprint(i + 2)
			case 'f', 'g', 'x':
				v = "7"
			case 'q':
				v = `"x"`
			}
			if n := p.number[i]; n < i {
				v = values[n].to
			}
			values = append(values, finding{to: v})
			text.WriteString(p.from[i] + v)
		}
		text.WriteString(p.from[len(p.from)-1])
		if got, want := l.Text(text.String()), p.fill(values, l.elided); got != want && alike[strings.ReplaceAll(strings.Join(p.from, "%"), "%%", "%")] < 2 {
			t.Errorf("%q:\n got %q\nwant %q", text.String(), got, want)
		}
	}
}

var tokens = regexp.MustCompile(`/[\w./-]+|\d+`)

// FuzzText: what others write loses no number and no path, whatever of
// ours it looks like.
func FuzzText(f *testing.F) {
	for _, s := range []string{"cannot read /etc/x: 12: no: way", "a; b. c: 1 d — 2 (3)", "\x1b[1m4\x1b[m run 5 was interrupted", "%s %[1]s", "run \x1b", "is it 5 (of 6): 7"} {
		f.Add(s)
	}
	l, err := Of("fr")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := l.Text(s)
		for _, token := range tokens.FindAllString(s, -1) {
			if !strings.Contains(got, token) {
				t.Errorf("%q became %q: %s is lost", s, got, token)
			}
		}
	})
}

// TestTime: the worst that others can write costs no more than a moment.
func TestTime(t *testing.T) {
	l := french(t)
	begin := time.Now()
	worst := strings.Repeat("cannot read a of b, c is d: e and f; not known (g) — ", 80)
	l.Text(worst)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("one long line took %s", took)
	}
}

func BenchmarkLog(b *testing.B) {
	l := french(b)
	lines := []string{"unpacking component app into /srv/shop/app", "restored the database of shop from 20260304, and compared it", "INSERT INTO notes VALUES (1, 'a: b; c')",
		"removed /var/lib/upkeep/shop/stage/app", "cannot take /srv/a away: cannot read the log: EOF", "2026-03-04T22:00:00Z level=info msg=\"migrating\" table=orders rows=12000"}
	for b.Loop() {
		for i := range 10000 {
			l.Text(lines[i%len(lines)])
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		french(b)
	}
}

// TestReads: errors as they really come, several in one another.
func TestReads(t *testing.T) {
	l := french(t)
	for from, want := range map[string]string{
		"cannot read the definitions of the database: database \"shop\" at 127.0.0.1:3306: the account may not do this: account shop@% lacks EVENT on database shop: GRANT EVENT ON `shop`.* TO 'shop'@'%'": "impossible de lire les définitions de la base de données : base de données \"shop\" à 127.0.0.1:3306: le compte n’a pas le droit de faire cela : il manque au compte shop@% EVENT sur la base de données shop : GRANT EVENT ON `shop`.* TO 'shop'@'%'",
		"cannot make the restore point: cannot dump the database: the disk is full": "impossible de faire le point de restauration : impossible d’extraire la base de données : le disque est plein",
		"upkeep.yaml:25:16: there is no ${dir.dta}":                                 "upkeep.yaml:25:16: il n’y a pas de ${dir.dta}",
	} {
		if got := plain(l.Text(from)); got != want {
			t.Errorf("%q:\n got %q\nwant %q", from, got, want)
		}
	}
}
