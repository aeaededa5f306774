// Package sitetest installs an example product in a folder of its own, as an
// administrator would, and drives the real binary on it: the tests of
// internal/e2e see what a person sees, and look at files, databases and
// processes by means of their own.
//
// It is test support. It may import internal/lab, and of Upkeep itself
// internal/manage to start a product's services (the binary starts none
// outside of a run) and internal/demo for the trees of the sample product.
package sitetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"upkeep/internal/lab"
)

// Options say what is installed, and who upgrades it.
type Options struct {
	Example string // folder of the examples
	Version string // that is installed
	// Account gives the commands: empty for the one that runs the tests. Root
	// can give them as another one.
	Account string
	// Edit changes a document or a file of the example before it is used; the
	// path is below the example.
	Edit func(path, text string) string
	// Stopped leaves the services stopped.
	Stopped bool
	// Crashing takes the test build, for faults that Env names.
	Crashing bool
	// Slim leaves out the files that only make the tree of the sample product
	// look like a real one.
	Slim bool
	// In is the folder in which everything is made; empty: the system's for
	// temporary files.
	In string
}

// Site is one installed example.
type Site struct {
	Options
	Bin      string // the upkeep under test
	Dir      string // everything lies below it
	Root     string // of the product: what the example calls /srv/NAME
	Document string // installation document
	State    string // Upkeep's own folder
	Releases string // folder of bundles
	Marks    string // where the product's account can leave signs beside the product
	Port     int
	Env      []string // further environment of the commands

	t        testing.TB
	terminal *exec.Cmd   // the command that was begun last
	service  lab.Account // runs the product
	caller   lab.Account // gives the commands
}

// limit ends a command that hangs.
const limit = 2 * time.Minute

// Examples is the folder of the examples: UPKEEP_EXAMPLES, or that of the
// module.
func Examples() (string, error) {
	if dir := os.Getenv("UPKEEP_EXAMPLES"); dir != "" {
		return dir, nil
	}
	root, err := lab.ModuleRoot()
	return filepath.Join(root, "examples"), err
}

// New installs an example and starts it. It is taken away at the end of the
// test, with everything that still runs of it.
func New(t testing.TB, o Options) *Site {
	t.Helper()
	s := &Site{Options: o, t: t, Dir: dir(t, o.In), Port: port(t)}
	if o.Crashing {
		s.Bin = lab.Crashing(t)
	} else {
		s.Bin = lab.Build(t)
	}
	s.Root, s.Releases = filepath.Join(s.Dir, "product"), filepath.Join(s.Dir, "releases")
	s.Marks = filepath.Join(s.Dir, "marks")
	s.Document, s.State = filepath.Join(s.Root, "installation.yaml"), filepath.Join(s.Root, "upkeep")
	s.must(s.accounts())
	s.must(s.layOut())
	t.Cleanup(s.end)
	if !o.Stopped {
		s.Start()
	}
	return s
}

// dir makes a folder that every account may enter.
func dir(t testing.TB, in string) string {
	t.Helper()
	if in == "" {
		return lab.Dir(t)
	}
	d, err := os.MkdirTemp(in, "site-")
	if err == nil {
		err = os.Chmod(d, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *Site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Site) accounts() (err error) {
	if s.service, err = lab.Unprivileged(); err != nil {
		return err
	}
	if s.Account == "" {
		s.caller = lab.Account{}
		return nil
	}
	s.caller, err = lab.Unprivileged(s.Account)
	return err
}

// Result is how a command ended.
type Result struct {
	Args     []string
	Code     int
	Out, Err string
}

func (r Result) String() string {
	return fmt.Sprintf("upkeep %s\nexit code %d\n%s%s", strings.Join(r.Args, " "), r.Code, r.Out, r.Err)
}

// Command makes a command of the binary on this installation, as its account.
func (s *Site) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.Bin, args...)
	cmd.Dir = s.Dir
	cmd.Env = append([]string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + filepath.Join(s.Dir, "home"), "LANG=de_DE.UTF-8", "TZ=Asia/Tokyo",
		"UPKEEP_INSTALLATION=" + s.Document, "UPKEEP_HUB_STATE=" + filepath.Join(s.Dir, "hub-state"), "UPKEEP_E2E=leaked"}, s.Env...)
	become(cmd, s.caller)
	cmd.WaitDelay = time.Second
	return cmd
}

// Upkeep gives one command, with nobody at the keyboard.
func (s *Site) Upkeep(args ...string) Result {
	s.t.Helper()
	return s.Answer("", args...)
}

// Answer gives one command and types the answer.
func (s *Site) Answer(typed string, args ...string) Result {
	s.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	cmd := s.Command(ctx, args...)
	cmd.Stdin = strings.NewReader(typed)
	r, err := run(cmd)
	r.Args = args
	if err != nil || ctx.Err() != nil {
		s.t.Fatalf("%v: %v\n%v", err, ctx.Err(), r)
	}
	return r
}

func run(cmd *exec.Cmd) (Result, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	return ended(cmd, cmd.Run(), &out, &errs)
}

func ended(cmd *exec.Cmd, err error, out, errs *bytes.Buffer) (Result, error) {
	r := Result{Code: cmd.ProcessState.ExitCode(), Out: out.String(), Err: errs.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return r, err
}

// Must gives one command that has to end with the code.
func (s *Site) Must(code int, args ...string) Result {
	s.t.Helper()
	r := s.Upkeep(args...)
	if r.Code != code {
		s.t.Fatalf("want exit code %d: %v\n%s", code, r, s.Log())
	}
	return r
}

// Log is the log of the latest run; empty when there is none.
func (s *Site) Log() string {
	runs := s.Runs()
	if len(runs) == 0 {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(runs[len(runs)-1], "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Runs are the folders of the runs, oldest first. Their names tell the second
// only, so the file that each of them gets first decides.
func (s *Site) Runs() []string {
	all, err := filepath.Glob(filepath.Join(s.State, "runs", "*"))
	s.must(err)
	made := func(dir string) int64 {
		info, err := os.Stat(filepath.Join(dir, "forecast.json"))
		if err != nil {
			return math.MaxInt64 // it is being made
		}
		return info.ModTime().UnixNano()
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(made(a), made(b)) })
	return all
}

// Write writes a file of the site, below the product's folder, as its owner
// would. A mode with an execute bit makes a hook of it.
func (s *Site) Write(name, text string, mode os.FileMode) {
	s.t.Helper()
	path := filepath.Join(s.Root, name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, []byte(text), mode))
	s.must(os.Chmod(path, mode))
	s.must(s.service.Own(path))
}

// Hook writes an executable file below the product's folder, as whoever
// upgrades.
func (s *Site) Hook(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.Root, name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	s.must(os.Chmod(path, 0o755))
	s.must(s.caller.Own(path))
}

// Read reads a file below the product's folder; empty when it is not there.
func (s *Site) Read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Root, name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(text)
}

// Exists says whether something is there below the product's folder.
func (s *Site) Exists(name string) bool {
	_, err := os.Lstat(filepath.Join(s.Root, name))
	return err == nil
}

// Replace changes a text of a file that is there exactly once.
func (s *Site) Replace(path, old, text string) {
	s.t.Helper()
	was, err := os.ReadFile(path)
	s.must(err)
	if strings.Count(string(was), old) != 1 {
		s.t.Fatalf("%s says %q %d times", path, old, strings.Count(string(was), old))
	}
	s.must(os.WriteFile(path, []byte(strings.Replace(string(was), old, text, 1)), 0o644))
}

// id is a name that no other installation on this computer has: the gate's
// rules are named by it.
func (s *Site) id() string { return s.Example + "-" + strings.ToLower(rand.Text()[:12]) }

// ID is what the installation document calls the installation.
func (s *Site) ID() string {
	s.t.Helper()
	text, err := os.ReadFile(s.Document)
	s.must(err)
	_, rest, ok := strings.Cut(string(text), "{id: ")
	id, _, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 {
		s.t.Fatalf("%s says no id", s.Document)
	}
	return id
}

// taken counts the ports that this process has given away: two sites of tests
// that run side by side must not get the same one.
var taken atomic.Uint32

// port gives a port that is free, below those that the system gives to
// connections.
func port(t testing.TB) int {
	t.Helper()
	for range 1000 {
		n := 12000 + (os.Getpid()*97+int(taken.Add(1)))%20000
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n))
		if err == nil {
			l.Close()
			return n
		}
	}
	t.Fatal("no port is free")
	return 0
}

// Remove takes a file below the product's folder away.
func (s *Site) Remove(name string) {
	s.t.Helper()
	s.must(os.Remove(filepath.Join(s.Root, name)))
}

// Twin writes a copy of a file of the product, as its owner would.
func (s *Site) Twin(from, to string) {
	text, err := os.ReadFile(filepath.Join(s.Root, from))
	s.must(err)
	s.must(os.WriteFile(filepath.Join(s.Root, to), text, 0o644))
	s.must(s.service.Own(filepath.Join(s.Root, to)))
}
