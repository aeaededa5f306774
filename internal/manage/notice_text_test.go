package manage

import (
	"strings"
	"testing"
	"time"

	"upkeep/internal/site"
)

// Each event says to users and to administrators what is so, and no more.
func TestWords(t *testing.T) {
	at := time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	base := notice{run: "r1", from: "1.0", to: "2.0", begins: at, ends: at.Add(5 * time.Minute), outage: 2 * time.Minute, affected: []string{"web", "jobs"}, by: "anna",
		product: "shop", installation: "shop", host: "srv1", document: "/etc/upkeep/shop.yaml", zone: time.UTC}
	for _, c := range []struct {
		event         site.Event
		change        func(*notice)
		users, admins string // parts of the title, or of the text behind |
	}{
		{site.Planned, nil, "shop will not be available on Tue 1 Dec 2026 02:00 UTC, for about 2 minutes|What is concerned:  web, jobs", "the upgrade to 2.0 begins on Tue 1 Dec 2026 02:00 UTC|upkeep --installation /etc/upkeep/shop.yaml schedule cancel"},
		{site.Off, func(n *notice) { n.why = "another plan" }, "shop stays available", "of Tue 1 Dec 2026 02:00 UTC does not begin|another plan"},
		{site.Started, nil, "shop is being upgraded now|from 1.0 to 2.0", "the upgrade to 2.0 has begun|resume"},
		{site.Started, func(n *notice) { n.back = true }, "shop is being put back now", "the way back to 2.0 has begun"},
		{site.Waits, func(n *notice) { n.why = "exit 1" }, "away for longer than planned", "WAITS FOR YOU|exit 1"},
		{site.WentBack, nil, "available again, as it was|on 1.0 as before", "did not come about, and it is on 1.0 as before|runs show r1"},
		{site.WentBack, func(n *notice) { n.from = "" }, "", "2.0 was not installed"},
		{site.Finished, nil, "available again, on 2.0|about 2 minutes", "shop is on 2.0, verified"},
		{site.Finished, func(n *notice) { n.work = true }, "available again", "on 2.0, and work remains"},
		{site.Finished, func(n *notice) { n.work, n.shut = true, true }, "away for longer than planned", "work remains"},
		{site.PointFailed, func(n *notice) { *n = notice{event: n.event, why: "disk full", product: "shop", zone: time.UTC} }, "restore point was not made", "restore point was not made|disk full"},
		{site.ProofFailed, nil, "could not be proven", "could not be proven|backup create"},
		{site.FeedUnseen, nil, "nobody has seen", "nobody has seen|doctor"},
		{trying, nil, "A test", "A test"},
	} {
		n := base
		n.event = c.event
		if c.change != nil {
			c.change(&n)
		}
		for audience, want := range map[string]string{site.Users: c.users, site.Administrators: c.admins} {
			title, text := n.words(audience)
			head, body, _ := strings.Cut(want, "|")
			if !strings.Contains(title, head) || !strings.Contains(text, body) || strings.Contains(title, "\n") || strings.Contains(text, "to \n") {
				t.Errorf("%s for %s: %s\n%s\nwant %q", c.event, audience, title, text, want)
			}
			if audience == site.Users && c.event != site.PointFailed && c.event != site.ProofFailed && c.event != site.FeedUnseen && (strings.Contains(text, "srv1") || strings.Contains(text, "/etc/")) {
				t.Errorf("users read what is none of theirs:\n%s", text)
			}
		}
	}
	for _, e := range site.Events() {
		n := base
		n.event = e
		if title, _ := n.words(site.Administrators); strings.HasSuffix(title, string(e)) {
			t.Errorf("%s has no words", e)
		}
	}
}
