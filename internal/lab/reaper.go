package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// watcher is a shell that acts once this process has died, whatever the
// reason: a test that is killed or times out must not leave servers behind. It
// waits for the end of its input, which comes when the only process that holds
// the other end is gone.
type watcher struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// interruptScript ends a server by its pid and removes its folder.
const interruptScript = `read -r _
kill -INT "$1" && sleep 1
rm -rf -- "$2"`

// reapScript ends what runs from a folder, or works in it, and removes it.
const reapScript = `read -r _
for e in /proc/[0-9]*/$2; do
	case $(readlink "$e")/ in "$1"/*) p=${e#/proc/}; kill -9 "${p%/*}" ;; esac
done
rm -rf -- "$1"`

func watch(script string, args ...string) (*watcher, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "upkeep-lab-watch"}, args...)...)
	Account{}.apply(cmd, true)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot watch over %s: %w", args[0], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot watch over %s: %w", args[0], err)
	}
	return &watcher{cmd: cmd, pipe: pipe}, nil
}

// release ends the watcher before it acts.
func (w *watcher) release() error {
	if w.cmd.ProcessState != nil {
		return nil // released before
	}
	if err := w.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("cannot end the lab's watcher: %w", err)
	}
	_ = w.cmd.Wait()   // its status is that of the kill
	_ = w.pipe.Close() // Wait has closed it already
	return nil
}

// Reaper ends every process whose program lies in a folder of the lab, when it
// is closed, and also when this process dies first. It relies on /proc and a
// shell.
type Reaper struct {
	dir   string
	link  string // of /proc/PID that leads into the folder: exe, cwd
	watch *watcher
}

// Reap starts to watch over the folder, which must be the lab's own: it is
// removed if this process dies before Close.
func Reap(dir string) (*Reaper, error) { return reap(dir, "exe") }

// ReapWorkers is Reap for processes whose working folder lies in the folder:
// the program of an interpreter lies elsewhere.
func ReapWorkers(dir string) (*Reaper, error) { return reap(dir, "cwd") }

func reap(dir, link string) (*Reaper, error) {
	if !filepath.IsAbs(dir) || !strings.Contains(dir, "upkeep-lab-") {
		return nil, fmt.Errorf("cannot watch over %s: not a folder of the lab", dir)
	}
	w, err := watch(reapScript, dir, link)
	if err != nil {
		return nil, err
	}
	return &Reaper{dir: dir, link: link, watch: w}, nil
}

// Processes lists the processes whose program (or working folder) lies in the
// folder.
func (r *Reaper) Processes() ([]int, error) {
	links, err := filepath.Glob("/proc/[0-9]*/" + r.link)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	var pids []int
	for _, link := range links {
		at, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(at+"/", r.dir+"/") {
			continue // ended meanwhile, a kernel thread, or not ours
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// End ends what runs from the folder and waits until it is gone.
func (r *Reaper) End() error {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		pids, err := r.Processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			// A process that ended since it was listed is no failure.
			_ = kill(pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("cannot end what runs from %s: it is still there after 10 s", r.dir)
}

// Close ends what runs from the folder, the watcher, and removes the folder.
func (r *Reaper) Close() error {
	err := r.End()
	return errors.Join(err, r.watch.release(), os.RemoveAll(r.dir))
}
