package e2e

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// hidden reads the hidden fields of the first form behind a mark.
func hidden(page, mark string) url.Values {
	_, form, _ := strings.Cut(page, mark)
	form, _, _ = strings.Cut(form, "</form>")
	out := url.Values{}
	for _, m := range field.FindAllStringSubmatch(form, -1) {
		out.Add(m[1], html.UnescapeString(m[2]))
	}
	return out
}

// send sends a form with further fields, and gives what comes of it.
func (h *hub) send(code int, path string, form url.Values, pairs ...string) string {
	h.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	got, text := h.read(h.PostForm(h.base+path, form))
	if got != code {
		h.t.Fatalf("%s %v: %d, want %d\n%s", path, form, got, code, text)
	}
	return text
}

// tags are what is not read on a page.
var tags = regexp.MustCompile(`<[^>]*>`)

// plain is what a person reads on a page.
func plainText(page string) string {
	return flat(html.UnescapeString(tags.ReplaceAllString(page, " ")))
}

// begin starts the upgrade of a plan's page, and waits until the run is over.
func (h *hub) begin(s *sitetest.Site, plan string) {
	h.t.Helper()
	was := h.CheckRedirect
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { h.CheckRedirect = was }()
	res, err := h.PostForm(h.base+"/i/"+s.ID()+"/start", hidden(plan, `class="yes"`))
	if code, text := h.read(res, err); code != 303 {
		h.t.Fatalf("the start: %d\n%s", code, text)
	}
	h.listen(res.Header.Get("Location"), func(int) {})
}

// TestHubReview_S3_standin: the scripts for a customised database are looked at on
// the page, one by one, in order, and over two sessions. SQLite stands in for SQL
// Server, a trigger for a procedure.
func TestHubReview_S3_standin(t *testing.T) {
	lab.Slow(t)
	s := customised(t)
	before := s.Snapshot()
	h := startHub(t, s)
	h.enter()
	upgrade := "/i/" + s.ID() + "/upgrade"
	page := ""
	t.Run("S3_16_not_automatic_standin", func(t *testing.T) {
		wants(t, plainText(h.see(upgrade)), `plan blocks is settled under Scripts database database|the database database is not migrated automatically`)
		page = h.see("/i/"+s.ID()+"/plan", "Stop for now") // nobody gets past the scripts
	})
	t.Run("S3_17_S3_18_what_is_customised_and_why_standin", func(t *testing.T) {
		wants(t, plainText(page), `changed at your site\. What the vendor’s scripts do to it cannot be known.*4 objects differ from the standard of release 20\.4 table loyalty added .*table orders changed .*trigger order_taken on orders changed .*view price_list changed .*with_tax`)
	})
	t.Run("S3_19_one_by_one_in_order_and_resumable_standin", func(t *testing.T) {
		wants(t, plainText(page), `1 of 4: migrations/010_currency\.sql .*It mentions no customised object by name`)
		second := h.see(upgrade + "/review?script=020_price_list.sql")
		wants(t, plainText(second), `2 of 4: migrations/020_price_list\.sql .*Mentions view price_list changed.*DROP VIEW "price_list".*those before it come first`)
		wants(t, second, `<li class="marked"><code>DROP VIEW`)
		verdict := hidden(page, `class="verdict"`)
		early := url.Values{"token": verdict["token"], "script": {"database:migrations/020_price_list.sql"}, "judgement": {"approve"}}
		wants(t, plainText(h.send(409, upgrade+"/review", early)), `cannot decide migrations/020_price_list\.sql yet`)
		page = h.send(200, upgrade+"/review", verdict, "judgement", "approve", "note", "it adds only")
		wants(t, plainText(page), `migrations/010_currency\.sql approved by .*: it adds only .*2 of 4: migrations/020`)

		h.end(syscall.SIGTERM) // stopped for now, and another day
		h = startHub(t, s)
		h.enter()
		page = h.see(upgrade + "/review")
		wants(t, plainText(page), `010_currency\.sql approved by .*2 of 4: migrations/020`)
		verdict = hidden(page, `class="verdict"`)
		wants(t, plainText(h.send(409, upgrade+"/review", verdict, "judgement", "edit", "content", "COMMIT; DROP TABLE orders;")), `cannot take the edited.*COMMIT`)
		mine := "DROP VIEW price_list;\r\nCREATE VIEW price_list AS\r\n  SELECT id, label, price, currency, price * 1.2 AS with_tax\r\n  FROM articles;\r\n"
		page = h.send(200, upgrade+"/review", verdict, "judgement", "edit", "content", mine, "note", "our column stays")
		verdict = hidden(page, `class="verdict"`)
		wants(t, plainText(h.send(409, upgrade+"/review", verdict, "judgement", "done", "note", " ")), `say what was done in its place`)
		page = h.send(200, upgrade+"/review", verdict, "judgement", "done", "note", "we have that index")
		page = h.send(200, upgrade+"/review", hidden(page, `class="verdict"`), "judgement", "approve")
		wants(t, plainText(page), `All scripts are decided\.`)
		wants(t, flat(s.Must(0, "review", "list", "--from", s.Releases).Out), `010_currency\.sql approved .*020_price_list\.sql edited by the site .*our column stays.*030_customers\.sql done by hand.*we have that index.*040_release\.sql approved`)
		if d := sitetest.Diff(before, s.Snapshot()); d != "" {
			t.Errorf("something was changed:\n%s", d)
		}
		plan := h.see("/i/" + s.ID() + "/plan")
		wants(t, plainText(plan), `Scripts for a customised database 4 .*edited by .*\+ SELECT id, label, price, currency, price \* 1\.2 AS with_tax`)
		h.begin(s, plan)
		wants(t, s.Rows(altazionDB), `view price_list CREATE VIEW price_list AS\n  SELECT id, label, price, currency, price \* 1\.2 AS with_tax\n`)
		wants(t, s.Rows(altazionDB), `index orders_by_customer CREATE INDEX orders_by_customer ON orders \(customer\)\n`)
		wants(t, s.Log(), `030_customers\.sql: not carried out, done by hand says .*: we have that index`)
	})
}

// TestHubTasks: what people must answer before an upgrade is asked on the page, one
// at a time, and kept with who said it.
func TestHubTasks(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "jp1", Version: "09-50"})
	s.Bundle("10-10")
	h := startHub(t, s)
	h.enter()
	tasks := "/i/" + s.ID() + "/upgrade/tasks"
	page := h.see("/i/"+s.ID()+"/plan", "A question") // nobody gets past it
	wants(t, plainText(page), `Are the installer and the licence of the old version at hand\? .*Yes No`)
	page = h.send(200, tasks, hidden(page, `class="panel warn"`), "choice", "no")
	wants(t, plainText(page), `By what can be read it is not done yet: .* answered "no" .*Yes No`)
	page = h.send(200, tasks, hidden(page, `class="panel warn"`), "choice", "yes")
	wants(t, plainText(page), `Which host name does the certificate of the MDM server name\?.*Answer`)
	wants(t, plainText(h.send(400, tasks, hidden(page, `class="panel warn"`), "text", " ")), `an answer wants a value`)
	page = h.send(200, tasks, hidden(page, `class="panel warn"`), "text", "mdm.example.org")
	wants(t, plainText(page), `Everything is seen to\..*at hand\? done .* said so on .* yes`)
	var who strings.Builder
	for _, f := range mustGlob(t, filepath.Join(s.State, "people", "*.json")) {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		who.Write(raw)
	}
	wants(t, who.String(), `"by": "`)
	plan := h.see("/i/"+s.ID()+"/plan", "Start the upgrade to 10-10")
	wants(t, plainText(plan), `What people have said`)
}

func mustGlob(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %v, %v", pattern, all, err)
	}
	return all
}

// TestHubDoubt_S3_12: who knows of a version that is not offered is led to what
// helps.
func TestHubDoubt_S3_12(t *testing.T) {
	lab.Slow(t)
	s := altazion(t)
	f := s.Feed()
	if err := f.Release("stable", s.Bundle("20.4")); err != nil {
		t.Fatal(err)
	}
	h := startHub(t, s, "--releases", "")
	h.enter()
	page := h.see("/i/" + s.ID() + "/upgrade")
	wants(t, plainText(page), `altazion is up to date: 20\.4\. .*You know of a newer version, and it is not offered here\?`)
	if err := f.Resign(60 * 24 * time.Hour); err != nil { // nobody has signed it for long
		t.Fatal(err)
	}
	s.Must(3, "feed", "refresh")
	_, help, _ := strings.Cut(page, `class="doubt`)
	_, help, _ = strings.Cut(help, `href="`)
	help, _, _ = strings.Cut(help, `"`)
	wants(t, plainText(h.see(help)), `the feed could not be looked at since .*This helps, in this order: .*feed refresh`)
}

// TestHubFetch: a release of the feed that is not here is fetched from the page,
// whoever looks, and the plan stays the same one.
func TestHubFetch(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	f := s.Feed()
	if err := f.Release("stable", s.Bundle("2.0")); err != nil {
		t.Fatal(err)
	}
	h := startHub(t, s, "--releases", "")
	h.enter()
	at := "/i/" + s.ID()
	first := h.see(at+"/upgrade", "The release is not fetched yet.")
	plan := h.see(at+"/plan", "Fetch it first")
	page := h.send(200, at+"/fetch", hidden(first, `action="`+at+`/fetch"`))
	for end := time.Now().Add(time.Minute); !strings.Contains(page, "Start the upgrade to 2.0"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) || strings.Contains(page, "could not be fetched") {
			t.Fatalf("it is not fetched:\n%s", page)
		}
		page = h.see(at + "/fetch?to=")
	}
	if strings.Contains(page, "Fetch it first") {
		t.Error("it was fetched, and is to be fetched again")
	}
	if was, is := form(plan).Get("digest"), form(page).Get("digest"); was != is {
		t.Errorf("the plan was %s, and is %s once its release is here", was, is)
	}
	h.begin(s, page)
	wants(t, s.Must(0, "runs", "list").Out, `on 2\.0`)
}

// TestHubMend: what the vendor has a fix for is mended from the page, and looked at
// again.
func TestHubMend(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "itop", Version: "3.1.0", Edit: func(path, text string) string {
		return strings.Replace(text, "fix: [{tell: Take the write protection of the configuration file away}]", `fix: [{run: [chmod, "0640", "${dir.conf}/config-itop.php"], as: root, title: Take the write protection away}]`, 1)
	}})
	s.Bundle("3.2.0")
	lab.Root(t)
	if err := os.Chmod(filepath.Join(s.Root, "conf/config-itop.php"), 0o440); err != nil {
		t.Fatal(err)
	}
	h := startHub(t, s)
	h.enter()
	at := "/i/" + s.ID() + "/upgrade"
	wants(t, plainText(h.see(at)), `Something stands in the way.*Take the write protection away Have it done`)
	page := h.see(at+"/fixes?finding=config-writable", "Do this")
	form := hidden(page, `action="`+at+`/fixes"`)
	other := url.Values{"token": form["token"], "finding": form["finding"], "fix": {"rm -rf /"}}
	wants(t, plainText(h.send(409, at+"/fixes", other)), `is not that any more; nothing was done`)
	wants(t, plainText(h.send(200, at+"/fixes", form)), `It is ready\.`)
	raw, err := os.ReadFile(filepath.Join(s.State, "doctor.log"))
	if err != nil || !strings.Contains(string(raw), "chmod 0640") {
		t.Errorf("what was done is not noted: %q, %v", raw, err)
	}
}
