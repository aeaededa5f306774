package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"upkeep/internal/database"
)

// toolbox finds the server's client programs.
type toolbox struct{ dir string }

// need is what one job uses; all come from one folder, so that they agree.
var need = []string{"pg_dump", "pg_restore", "psql"}

// kit is a found set of programs.
type kit struct {
	dir     string
	version string // as much as is known: "15", "15.18"
}

func (k kit) path(program string) string { return filepath.Join(k.dir, program+exe()) }

// find gives the newest programs, which must be at least as new as the server:
// an older pg_dump refuses, or does not know what it sees.
func (t toolbox) find(ctx context.Context, server int) (kit, error) {
	var best kit
	for _, k := range t.candidates(ctx) {
		if majorOf(k.version) > majorOf(best.version) {
			best = k
		}
	}
	if majorOf(best.version) >= server {
		return best, nil
	}
	have := "none is installed"
	if best.dir != "" {
		have = fmt.Sprintf("the newest here is %s in %s", best.version, best.dir)
	}
	return kit{}, fmt.Errorf("%w: pg_dump, pg_restore and psql of PostgreSQL %d or later (%s): install the package postgresql-client-%d", database.ErrToolMissing, server, have, server)
}

func (t toolbox) candidates(ctx context.Context) []kit {
	if t.dir != "" {
		return complete(ctx, t.dir, "")
	}
	var kits []kit
	// Debian, RHEL and the PostgreSQL project's own packages name the version
	// in the path, so nothing need be run to know it.
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/postgresql/*/bin", `C:\Program Files\PostgreSQL\*\bin`} {
		dirs, _ := filepath.Glob(pattern) // the only error is a bad pattern
		for _, dir := range dirs {
			kits = append(kits, complete(ctx, dir, strings.TrimPrefix(filepath.Base(filepath.Dir(dir)), "pgsql-"))...)
		}
	}
	if len(kits) == 0 {
		if p, err := exec.LookPath("pg_dump"); err == nil {
			kits = complete(ctx, filepath.Dir(p), "")
		}
	}
	return kits
}

// complete gives the folder as a kit if it holds every program.
func complete(ctx context.Context, dir, version string) []kit {
	k := kit{dir: dir, version: version}
	for _, program := range need {
		if _, err := os.Stat(k.path(program)); err != nil {
			return nil
		}
	}
	if majorOf(version) == 0 {
		out, err := exec.CommandContext(ctx, k.path("pg_dump"), "--version").Output()
		if err != nil {
			return nil
		}
		k.version = versionPattern.FindString(string(out))
	}
	return []kit{k}
}

var versionPattern = regexp.MustCompile(`\d+(\.\d+)*`)

// majorOf is 15 for "15", "15.18", "16beta1"; 0 when there is none.
func majorOf(version string) int {
	digits := 0
	for digits < len(version) && version[digits] >= '0' && version[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(version[:digits])
	if err != nil {
		return 0
	}
	return n
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
