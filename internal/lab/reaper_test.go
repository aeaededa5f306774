package lab

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sleeper puts a copy of sleep into the folder and runs it, as a service does
// whose program the lab has put there.
func sleeper(dir string) (*exec.Cmd, error) {
	program, err := exec.LookPath("sleep")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "sleep")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "600")
	return cmd, cmd.Start()
}

// eventually waits, at most five seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("not within 5 s: %s", what)
}

func TestReaperEndsWhatItHolds(t *testing.T) {
	dir, err := openDir()
	if err != nil {
		t.Fatal(err)
	}
	reaper, err := Reap(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := sleeper(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Removed programs keep their process: it must be found all the same.
	if err := os.Remove(cmd.Path); err != nil {
		t.Fatal(err)
	}
	if pids, err := reaper.Processes(); err != nil || len(pids) != 1 || pids[0] != cmd.Process.Pid {
		t.Errorf("Processes() = %v, %v; want %d", pids, err, cmd.Process.Pid)
	}
	if err := reaper.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process ended with %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestReaperRefusesOtherFolders(t *testing.T) {
	for _, dir := range []string{"/", "/tmp", "upkeep-lab-1", t.TempDir()} {
		if r, err := Reap(dir); err == nil {
			t.Errorf("Reap(%q) watches", dir)
			_ = r.watch.release()
		}
	}
}

// TestDeathOfTheLab kills a process that holds a server and a reaper: nothing
// of them may stay.
func TestDeathOfTheLab(t *testing.T) {
	if os.Getenv("UPKEEP_LAB_VICTIM") == "1" {
		victim()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDeathOfTheLab$")
	cmd.Env = append(os.Environ(), "UPKEEP_LAB_VICTIM=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids [2]int
	var dirs [2]string
	found := false
	for scan := bufio.NewScanner(out); !found && scan.Scan(); {
		n, _ := fmt.Sscanf(scan.Text(), "victim %d %s %d %s", &pids[0], &dirs[0], &pids[1], &dirs[1])
		found = n == 4
		if strings.Contains(scan.Text(), "FAIL") {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if !found {
		t.Fatal("the victim did not say what it started")
	}
	for i := range pids {
		eventually(t, "the process ends", func() bool { return ended(pids[i]) })
		eventually(t, "the folder goes", func() bool { _, err := os.Stat(dirs[i]); return os.IsNotExist(err) })
	}
}

// ended tells also a process that nobody has waited for yet as ended.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}

func victim() {
	dir, err := openDir()
	if err != nil {
		fmt.Println("FAIL", err)
		return
	}
	reaper, err := Reap(dir)
	if err != nil {
		fmt.Println("FAIL", err)
		return
	}
	cmd, err := sleeper(dir)
	if err != nil {
		fmt.Println("FAIL", err)
		return
	}
	ctx, cancel := timeout(20 * time.Second)
	defer cancel()
	pg, err := StartPG(ctx, PGOptions{})
	if err != nil {
		fmt.Println("FAIL", err)
		return
	}
	fmt.Printf("victim %d %s %d %s\n", cmd.Process.Pid, dir, pg.cmd.Process.Pid, pg.dir)
	time.Sleep(30 * time.Second)
	_, _ = reaper.Close(), pg.Stop() // only when the kill did not come
}

// The program of an interpreter lies elsewhere: what works in the folder is
// found and ended, and nothing else.
func TestReaperOfWorkers(t *testing.T) {
	dir, err := openDir()
	if err != nil {
		t.Fatal(err)
	}
	reaper, err := ReapWorkers(dir)
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := exec.Command("sleep", "600"), exec.Command("sleep", "600")
	inside.Dir = dir
	for _, cmd := range []*exec.Cmd{inside, outside} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _ = outside.Process.Kill(); _ = outside.Wait() }()
	eventually(t, "it is found", func() bool {
		pids, err := reaper.Processes()
		return err == nil && len(pids) == 1 && pids[0] == inside.Process.Pid
	})
	if err := reaper.Close(); err != nil {
		t.Fatal(err)
	}
	if err := inside.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process ended with %v", err)
	}
	if !alive(outside.Process.Pid) {
		t.Error("something else was ended, too")
	}
}
