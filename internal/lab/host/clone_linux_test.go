package host

import (
	"slices"
	"strings"
	"testing"
)

func TestCloneAndChanges(t *testing.T) {
	first := New(t, Options{Name: "first"})
	first.Write(t, "/srv/app/VERSION", "1\n", 0o644)
	first.Write(t, "/srv/app/sub/file", "x\n", 0o644)
	first.Write(t, "/srv/new/VERSION", "2\n", 0o644)
	h := first.Clone(t, "second")
	if err := first.Up(); err == nil {
		t.Fatal("a host that others lie over was booted")
	}
	h.Boot(t)
	if got := h.Changes(t, Noise); len(got) > 0 {
		t.Errorf("after a boot: %q", got)
	}
	exchange := func() {
		h.Must(t, "sh", "-c", "mv /srv/app /srv/x && mv /srv/new /srv/app && mv /srv/x /srv/new")
	}
	exchange() // folders of the layer below, which overlayfs renames by a redirect
	got := h.Changes(t, Noise)
	has := func(what string) bool {
		return slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, what) })
	}
	if !has("changed: /srv/app/VERSION ") || !has("changed: /srv/new/VERSION ") || !has("gone: /srv/app/sub ") || !has("new: /srv/new/sub ") {
		t.Errorf("after an exchange: %q", got)
	}
	exchange()
	if got := h.Changes(t, Noise); len(got) > 0 {
		t.Errorf("after it was put back: %q", got)
	}
	h.Must(t, "sh", "-c", "chmod 600 /srv/app/VERSION; rm /etc/motd; echo x >/usr/local/left; chown 7 /srv/app/sub/file; rm -r /srv/new; mkdir /srv/new")
	got = h.Changes(t, Noise)
	if !has("changed: /srv/app/VERSION ") || !has("gone: /etc/motd") || !has("new: /usr/local/left") || !has("changed: /srv/app/sub/file ") || !has("gone: /srv/new/VERSION") || len(got) != 5 {
		t.Errorf("%q", got)
	}
	// What was renamed in a host is there in a clone of it.
	h.Must(t, "mv", "/srv/app", "/srv/app2")
	h.Shutdown(t)
	third := h.Clone(t, "third")
	third.Boot(t)
	if got := third.Must(t, "cat", "/srv/app2/VERSION"); got != "1\n" {
		t.Errorf("%q", got)
	}
}
