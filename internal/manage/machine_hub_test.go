package manage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/step"
)

func TestSetHub(t *testing.T) {
	m, f := testMachine(t)
	args := []string{"--listen=127.0.0.1:9000", `--releases=/srv/50% "of" $HOME`}
	wrote, err := m.SetHub(t.Context(), args)
	if err != nil || len(wrote) != 2 || !m.HubInstalled() {
		t.Fatalf("%v, %v", wrote, err)
	}
	unit, err := os.ReadFile(filepath.Join(m.Root, "etc/systemd/system", HubUnit))
	if err != nil || !strings.Contains(string(unit), `ExecStart="/opt/50%% \"off\"/upkeep" hub "--listen=127.0.0.1:9000" "--releases=/srv/50%% \"of\" $$HOME"`+"\n") {
		t.Errorf("%v\n%s", err, unit)
	}
	// given again it is only seen to that it runs
	if wrote, err = m.SetHub(t.Context(), args); len(wrote) != 0 || err != nil {
		t.Errorf("given again: %v, %v", wrote, err)
	}
	if wrote, err = m.SetHub(t.Context(), nil); len(wrote) != 1 || err != nil {
		t.Errorf("with other arguments: %v, %v", wrote, err)
	}
	if want := []string{"reload", "end " + HubUnit, "start " + HubUnit, "start " + HubUnit, "reload", "end " + HubUnit, "start " + HubUnit}; !slices.Equal(f.asked, want) {
		t.Errorf("systemd was asked %v, want %v", f.asked, want)
	}
	if _, err = m.SetHub(t.Context(), []string{"--listen=x\nExecStartPre=/bin/evil"}); err == nil {
		t.Error("a line of the unit was taken from an argument")
	}
	f.fails = errors.New("another program has the address")
	_, err = m.SetHub(t.Context(), nil)
	var user *step.UserError
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "another program has the address") {
		t.Errorf("what does not start is told as %v", err)
	}
	r, err := m.Remove(t.Context())
	if err != nil || len(r.Gone) != 2 || len(r.Left) != 1 || !strings.Contains(r.Left[0], "userdel "+PageAccount) {
		t.Errorf("remove-host: %+v, %v", r, err)
	}
	if left := tree(t, m.Root); len(left) != 0 || m.HubInstalled() {
		t.Errorf("left: %v", left)
	}
	if gone, err := m.EndHub(t.Context()); len(gone) != 0 || err != nil {
		t.Errorf("there was none: %v, %v", gone, err)
	}
}
