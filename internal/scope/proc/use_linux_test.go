package proc

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helper starts a shell that says when it is ready, and waits for its input to end.
func helper(t *testing.T, dir, script string) int {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script+"\necho ready; read x")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func TestUsing(t *testing.T) {
	top := t.TempDir()
	root, other := filepath.Join(top, "app"), filepath.Join(top, "app-other")
	for _, dir := range []string{root, other} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "data"), make([]byte, 8192), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(top, "current")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	works := helper(t, root, "")
	opens := helper(t, "/", "exec 7<"+filepath.Join(root, "data"))
	gone := helper(t, "/", "exec 7>"+filepath.Join(root, "gone")+"; rm "+filepath.Join(root, "gone"))
	apart := helper(t, other, "exec 7<"+filepath.Join(other, "data"))
	for _, folder := range []string{root, link} {
		uses, _, err := Using(folder)
		if err != nil {
			t.Fatal(err)
		}
		got := map[int]Use{}
		for _, u := range uses {
			got[u.PID] = u
		}
		for pid, want := range map[int]string{works: "works in " + root, opens: "open " + root + "/data", gone: "open " + root + "/gone (deleted)"} {
			if u, ok := got[pid]; !ok || u.How+" "+u.Path != want || u.Name != "sh" || int(u.UID) != os.Getuid() {
				t.Errorf("%s: process %d is %+v, want %s", folder, pid, u, want)
			}
		}
		if _, ok := got[apart]; ok || len(uses) != 3 {
			t.Errorf("%s: %d uses: %v", folder, len(uses), uses)
		}
	}
	// several folders in one look: each use is of the folder that was asked for
	both := helper(t, other, "exec 7<"+filepath.Join(root, "data"))
	uses, _, err := Using(link, other)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]int{}
	for _, u := range uses {
		got[u.Folder] = append(got[u.Folder], u.PID)
	}
	for folder, want := range map[string][]int{link: {works, opens, gone, both}, other: {apart, both}} {
		slices.Sort(want)
		slices.Sort(got[folder])
		if !slices.Equal(got[folder], want) {
			t.Errorf("%s is used by %v, want %v", folder, got[folder], want)
		}
	}
	if uses, _, err := Using(filepath.Join(top, "nothing")); err != nil || len(uses) > 0 {
		t.Errorf("of a folder that is not there: %v, %v", uses, err)
	}
}

// TestUsingMapped: a library stays in use when its file is closed.
func TestUsingMapped(t *testing.T) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "lib.so")
	if err := os.WriteFile(path, make([]byte, 8192), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok := mapped(dir, maps); ok {
		t.Error("it is mapped already")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(m) }()
	f.Close()
	if maps, err = os.ReadFile("/proc/self/maps"); err != nil {
		t.Fatal(err)
	}
	if got, ok := mapped(dir, maps); !ok || got != path {
		t.Errorf("found %q, %v", got, ok)
	}
	if _, ok := mapped(dir[:len(dir)-1], maps); ok {
		t.Error("a folder whose name only begins so counts")
	}
}

// BenchmarkUsing is one look through all processes of this machine, in turns
// with lsof -nP, which does the same among much else; its start is counted.
func BenchmarkUsing(b *testing.B) {
	peer, err := exec.LookPath("lsof")
	var own, other []time.Duration
	for b.Loop() {
		begin := time.Now()
		if _, _, err := Using("/srv"); err != nil {
			b.Fatal(err)
		}
		own = append(own, time.Since(begin))
		if err == nil {
			begin = time.Now()
			_ = exec.Command(peer, "-nP").Run() // it fails where it could not look into everything
			other = append(other, time.Since(begin))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2]) / float64(time.Millisecond)
	}
	b.ReportMetric(median(own), "ms/look")
	if len(other) > 0 {
		b.ReportMetric(median(other), "ms/lsof")
		b.ReportMetric(median(other)/median(own), "times")
	}
}
