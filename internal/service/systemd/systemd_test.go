package systemd

import (
	"strings"
	"testing"

	"upkeep/internal/service"
)

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		spec service.Spec
		want string
	}{
		{service.Spec{ID: "web"}, "web.service"},
		{service.Spec{ID: "web", Names: []string{"[e] - service principal", "portal", "web"}}, "portal.service web.service"},
		{service.Spec{ID: "web", Names: []string{"web.socket", "pg@15-main.service"}}, "web.socket pg@15-main.service web.service"},
		{service.Spec{ID: "dbus-x.Y"}, "dbus-x.Y.service"},
		{service.Spec{ID: "a b"}, ""},
	} {
		if got := strings.Join(Candidates(c.spec), " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.spec, got, c.want)
		}
	}
}

func TestDropIn(t *testing.T) {
	text := string(dropIn("shop\n[Service]", "/var/lib/a b%c\"d/web.inhibit"))
	for _, want := range []string{
		"\nAssertPathExists=!/var/lib/a b%%c\"d/web.inhibit\n",
		"\nRequiresMountsFor=\"/var/lib/a b%%c\\\"d\"\n",
		"installation shop [Service], and",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got := dropInPath("/", "web.service", "../x/shop"); got != "/etc/systemd/system/web.service.d/90-upkeep-.._x_shop.conf" {
		t.Error(got)
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{Dir: "state"}); err == nil {
		t.Error("a relative state folder was accepted")
	}
}
