package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/manifest"
)

// fingerprint is what "exactly as it was" means for a site, read twice: by
// means that share no code with Upkeep, and by Upkeep's own.
//
// Left out are what changes by nature (times of files, numbers of processes,
// the product's log and pid file) and Upkeep's own folder.
type fingerprint struct {
	Files    map[string]string // path to type, mode, owner, attributes, sum or target
	Services []string          // program, account and folder of every process of the site
	Data     []string          // the lines of a dump by PostgreSQL's own program, sorted
	Schema   string            // schema_version, read by psql
	Rules    []string          // tables of nftables that are the site's gate
	Own      manage.Fingerprint
}

// leftOut are files of a site that no fingerprint covers.
var leftOut = []string{"upkeep", "miniflux.log", "miniflux.pid", "installation.yaml"}

// fingerprint takes the site's fingerprint, in full.
func (s *miniSite) fingerprint() fingerprint {
	s.t.Helper()
	f := fingerprint{Files: map[string]string{}}
	err := filepath.WalkDir(s.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.Root, path)
		if err != nil {
			return err
		}
		if slices.Contains(leftOut, name) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		f.Files[name], err = describe(path)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if f.Data, err = s.dump(); err != nil {
		s.t.Fatal(err)
	}
	if f.Services, err = s.processes(); err != nil {
		s.t.Fatal(err)
	}
	if f.Schema, err = s.PG.Psql(context.Background(), s.DB, "SELECT version FROM schema_version"); err != nil {
		s.t.Fatal(err)
	}
	if f.Rules, err = s.rules(); err != nil {
		s.t.Fatal(err)
	}
	f.Own = s.own()
	return f
}

// describe tells all of one file that must not change.
func describe(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	text := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
	names := make([]byte, 4096)
	if n, err := unix.Llistxattr(path, names); err == nil && n > 0 {
		list := strings.Split(strings.TrimRight(string(names[:n]), "\x00"), "\x00")
		slices.Sort(list)
		for _, name := range list {
			value := make([]byte, 4096)
			n, err := unix.Lgetxattr(path, name, value)
			if err != nil {
				return "", err
			}
			text += fmt.Sprintf(" %s=%x", name, value[:n])
		}
	}
	switch {
	case info.Mode().IsRegular():
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(content)
		text += " " + hex.EncodeToString(sum[:])
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		text += " -> " + to
	}
	return text, nil
}

// dump gives structure and rows of the site's database, owners and rights
// included, in an order that does not depend on where rows lie.
func (s *miniSite) dump() ([]string, error) { return dumpOf(s.PG, s.DB) }

func dumpOf(pg *lab.PG, db string, options ...string) ([]string, error) {
	cmd := exec.Command(filepath.Join(pg.Bin, "pg_dump"), append(options, "--no-password")...)
	cmd.Env = append(os.Environ(), pg.Env(db)...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot dump the database: %w", err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		// newer programs write a random word into each dump
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// processes tells of every process that runs a program of the site.
func (s *miniSite) processes() ([]string, error) {
	pids, err := s.Running()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid)
		exe, err := os.Readlink(dir + "/exe")
		if err != nil {
			continue // it has ended
		}
		status, err := os.ReadFile(dir + "/status")
		if err != nil {
			continue
		}
		args, err := os.ReadFile(dir + "/cmdline")
		if err != nil {
			continue
		}
		owner := ""
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "Uid:") || strings.HasPrefix(line, "Gid:") {
				owner += strings.Join(strings.Fields(line), " ") + " "
			}
		}
		out = append(out, fmt.Sprintf("%s %s%q", exe, owner, strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")))
	}
	slices.Sort(out)
	return out, nil
}

// rules lists the tables of nftables that are the site's gate.
func (s *miniSite) rules() ([]string, error) { return rulesOf(s.id) }

func rulesOf(installation string) ([]string, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, err
	}
	tables, err := c.ListTables()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range tables {
		if t.Name == "upkeep-"+installation {
			out = append(out, t.Name)
		}
	}
	return out, nil
}

// own takes Upkeep's own fingerprint, by the old release's document.
func (s *miniSite) own() manage.Fingerprint {
	s.t.Helper()
	in, err := manage.Open(s.document, s.bin)
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := in.Fingerprint(context.Background(), s.product())
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// product is the product document of the old release, as the bundle carries it.
func (s *miniSite) product() *manifest.Product {
	s.t.Helper()
	name := filepath.Join(s.m.dir, "src", "from", s.m.from.Version, "product.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	nodes, err := yaml.Parse(name, text)
	if err != nil {
		s.t.Fatal(err)
	}
	p, _, err := manifest.Decode(document.Source{Name: name, Text: text}, nodes)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// same fails the test when the two fingerprints differ.
func same(t testing.TB, before, after fingerprint) {
	t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("not exactly as it was (-before +after):\n%.6000s", diff)
	}
}

// folder is the fingerprint of any folder, with the times of its files: it
// shows whether anything was written. Folders go without their times: to read
// a journal its file locks come and go.
func folder(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		text, err := describe(path)
		if err != nil {
			return err
		}
		if !d.IsDir() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			text += " " + info.ModTime().String()
		}
		all[path] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
