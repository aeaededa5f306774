package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// buildOnce remembers the one build of a test process; the function itself is
// never replaced.
var buildOnce = sync.OnceValues(func() (*binary, error) { return build("upkeep") })

// crashOnce remembers that of the test build.
var crashOnce = sync.OnceValues(func() (*binary, error) { return build("upkeep-crash", "-tags", "crash") })

// Crashing builds the test build, which ends itself or fails where the
// environment says (package fault), and gives its path.
func Crashing(t testing.TB) string {
	t.Helper()
	b, err := crashOnce()
	if err != nil {
		t.Fatal(err)
	}
	return b.path
}

// Build builds ./cmd/upkeep, once in a test process and without cgo, and gives
// the path of the binary. UPKEEP_BIN names a binary to take instead. The
// binary's folder goes when the test process ends, with every process that
// still runs from it.
func Build(t testing.TB) string {
	t.Helper()
	b, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return b.path
}

// BuildAs builds ./cmd/upkeep as a version of its own, for tests of what one
// version makes of another. The tests of a process share it.
func BuildAs(t testing.TB, version string) string {
	t.Helper()
	b, err := buildAs(version)
	if err != nil {
		t.Fatal(err)
	}
	return b.path
}

// buildAs remembers the builds of a test process by their versions.
var buildAs = func() func(string) (*binary, error) {
	var mu sync.Mutex
	built := map[string]*binary{}
	return func(version string) (*binary, error) {
		mu.Lock()
		defer mu.Unlock()
		if b := built[version]; b != nil {
			return b, nil
		}
		b, err := build("upkeep-"+version, "-ldflags", "-s -w -X upkeep/internal/manage.stamped="+version)
		if err == nil {
			built[version] = b
		}
		return b, err
	}
}()

// Binary is Build where there is no test at hand.
func Binary() (string, error) {
	b, err := buildOnce()
	if err != nil {
		return "", err
	}
	return b.path, nil
}

// binary holds the reaper as well: were it let go of, its pipe would be
// collected and closed, and the watcher would take the binary away.
type binary struct {
	path   string
	reaper *Reaper
}

func build(name string, flags ...string) (*binary, error) {
	if path := os.Getenv("UPKEEP_BIN"); path != "" && len(flags) == 0 {
		return &binary{path: path}, nil
	}
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	// Not closed: its watcher clears up when this process ends.
	reaper, err := Reap(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{"./cmd/upkeep"})...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot build ./cmd/upkeep: %w\n%s", err, out)
	}
	return &binary{path: path, reaper: reaper}, nil
}

// ModuleRoot gives the folder of the module's go.mod, found from the working
// folder upwards.
func ModuleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the module: go env GOMOD: %w", err)
	}
	gomod := strings.TrimSpace(string(out))
	if !strings.HasSuffix(gomod, "go.mod") {
		return "", fmt.Errorf("cannot find the module: the working folder is in none")
	}
	return filepath.Dir(gomod), nil
}
