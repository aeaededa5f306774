package hosttest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/lab/host"
)

// visitorUnit is a user of the product who asks for its version all the time,
// from before anything of it has started.
const visitorUnit = `[Unit]
Description=A user of the product
DefaultDependencies=no
[Service]
User=nobody
ExecStart=/bin/sh -c 'while :; do curl -fs -m 2 {URL} || echo refused; sleep 0.1; done'
StandardOutput=append:/var/log/visitor
Restart=always
RestartSec=100ms
[Install]
WantedBy=sysinit.target
`

// visitor has a machine that is up be visited, now and from every boot on.
func visitor(t testing.TB, h *host.Host, url string) {
	t.Helper()
	h.Write(t, "/etc/systemd/system/lab-visitor.service", strings.ReplaceAll(visitorUnit, "{URL}", url), 0o644)
	shell(t, h, "systemctl daemon-reload && systemctl enable --now lab-visitor")
}

// answer matches an answer that the product gave, with status 200: curl says
// nothing of others.
var answer = regexp.MustCompile(`"version": ?"([^"]+)"`)

// visits are the versions that users were served, in order, each change once.
func visits(log string) []string {
	var out []string
	for line := range strings.Lines(log) {
		if m := answer.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			out = append(out, m[1])
		}
	}
	return slices.Compact(out)
}

// served says what is wrong with what users were served. They see the old
// version and, once the upgrade has come through, the new one: no version in
// between, none that is taken back later.
func (p *Product) served(log string, isNew bool) error {
	want := []string{p.Old}
	if isNew {
		want = append(want, p.New)
	}
	if got := visits(log); !slices.Equal(got, want) {
		return fmt.Errorf("users were served %v, want %v", got, want)
	}
	return nil
}

// visited fails the test when users were served what they must not be.
func (p *Product) visited(t testing.TB, h *host.Host, isNew bool) {
	t.Helper()
	shell(t, h, "sleep 0.5") // a visit after the end
	log := h.Must(t, "cat", "/var/log/visitor")
	if err := p.served(log, isNew); err != nil {
		t.Errorf("%v; the last visits:\n%s", err, log[max(0, len(log)-1500):])
	}
}
