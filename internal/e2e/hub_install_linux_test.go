package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// TestHubInstall_S0_3: where an installation document is, and no product yet, the
// wizard that upgrades installs, with what is chosen; the same plan as the terminal's.
func TestHubInstall_S0_3(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "itop", Version: "3.1.0", Stopped: true})
	s.Bundle("3.2.0")
	for _, name := range []string{"app", "conf", "data", "extensions", "model", "modules", "trace", "upkeep"} {
		if err := os.RemoveAll(filepath.Join(s.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	h := startHub(t, s)
	h.enter()
	at := "/i/" + s.ID()
	other, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(s.Port))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, plainText(h.see(at+"/upgrade")), `Something stands in the way\. .*`+strconv.Itoa(s.Port))
	other.Close()
	wants(t, plainText(h.see(at+"/upgrade")), `itop: install 3\.2\.0 .*It is ready\.`)
	choices := h.see(at + "/upgrade/choices?choose=itil")
	wants(t, choices, `value="itil" checked`)
	wants(t, plainText(h.see(at+"/upgrade/choices?choose=itil-change")), `It cannot be had like that\. .*itop-change-mgmt-itil \(of itil-change\) needs`)
	plan := h.see(at+"/plan?choose=itil&choose=itil-change", "Install 3.2.0")
	wants(t, plainText(plan), `itop: install 3\.2\.0 .*app 3\.2\.0 \(new\).*Choices [0-9]+ added .*itil.*All that was made is taken away again`)
	h.begin(s, plan)
	if !s.Exists("modules/itop-change-mgmt-itil") || s.Exists("modules/itop-request-mgmt") {
		t.Errorf("another choice was installed:\n%s", s.Log())
	}
	wants(t, s.Must(0, "status").Out, `3\.2\.0`)
}
