package manage

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// sitter is a shell in a folder.
func sitter(t *testing.T, dir, script string, env ...string) int {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script+"\necho ready; read x")
	cmd.Dir, cmd.Env = dir, append(cmd.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// Who sits in a tree is named; the product's services, what they have started and
// what Upkeep has started for it are not.
func TestLookUsers_S3_37(t *testing.T) {
	v, w := visited(t, "db", "one")
	shop, office := t.TempDir(), t.TempDir()
	v.c.facts = plan.Facts{Instances: map[string]plan.InstanceFact{"shop": {Real: shop}, "office": {Real: office}}}
	w.pids["db"] = sitter(t, shop, "(exec sleep 60) & trap \"kill $!\" EXIT")
	w.pids["one"] = sitter(t, "/", "")
	sitter(t, shop, "", "UPKEEP_SERVICE=shop/one#0")
	if found, err := lookUsers(t.Context(), v.c); err != nil || len(found) > 0 {
		t.Errorf("its own: %+v, %v", found, err)
	}
	visitor := sitter(t, shop, "")
	other := sitter(t, "/", "exec 7>"+filepath.Join(shop, "draft"), "UPKEEP_SERVICE=another/one#0")
	found, err := lookUsers(t.Context(), v.c)
	if err != nil || len(found) != 1 || found[0].Text != "the folder of shop is in use" || len(found[0].Try) != 1 || !found[0].Try[0].Choice || found[0].Try[0].Carries() {
		t.Fatalf("%+v, %v", found, err)
	}
	for _, part := range []string{fmt.Sprintf("sh (%d) of ", visitor), " works in " + shop, fmt.Sprintf("sh (%d) of ", other), " has " + shop + "/draft open"} {
		if !strings.Contains(found[0].Evidence, part) {
			t.Errorf("%q is not in %q", part, found[0].Evidence)
		}
	}
	if n := strings.Count(found[0].Evidence, ";"); n != 1 {
		t.Errorf("%d are named: %s", n+1, found[0].Evidence)
	}
	if many := some([]string{"a", "b", "c"}, 2); many != "a; b; and 1 more" {
		t.Error(many)
	}
}
