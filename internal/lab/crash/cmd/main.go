// Command cmd runs the crash harnesses and adds up what they have tried: make
// crash. Its last line says how many crash points, pairs and images were tried,
// how many mutants were caught, and how often a run ended between old and new.
// It imports the standard library and packages scale and tally.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/tally"
)

// part is one call of go test.
type part struct {
	args  []string
	short bool // it is tried with every change, too; others are among the slow tests, or take too long
}

// lanes are what is run, side by side: what computes beside what waits for
// services and disks.
var lanes = [][]part{{
	{[]string{"-run", "^TestModel", "./internal/run/..."}, false},
	{[]string{"./internal/lab/crashfs", "./internal/lab/tap/...", "./internal/lab/crash/upgrade"}, true},
}, {
	{[]string{"-run", "PowerCut", "./internal/durable"}, false},
	{[]string{"./internal/lab/crash/process"}, true},
	{[]string{"./internal/lab/crash/contract"}, false},
}}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "upkeep-crash-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	report := filepath.Join(dir, "report")
	began := time.Now()
	var lane sync.WaitGroup
	var failed atomic.Bool
	for _, parts := range lanes {
		lane.Go(func() {
			for _, p := range parts {
				if (p.short || !scale.Short()) && !try(p, report) {
					failed.Store(true)
				}
			}
		})
	}
	lane.Wait()
	sums, err := add(report)
	if err != nil {
		return err
	}
	fmt.Println()
	for _, k := range slices.SortedFunc(maps.Keys(sums), func(a, b key) int { return cmp.Or(cmp.Compare(a.harness, b.harness), cmp.Compare(a.what, b.what)) }) {
		fmt.Printf("%-20s %10d %s\n", k.harness, sums[k], k.what)
	}
	of := func(what string) (n int) {
		for k, v := range sums {
			if k.what == what {
				n += v
			}
		}
		return n
	}
	fmt.Printf("in %s\n", time.Since(began).Round(time.Second))
	fmt.Printf("%d crash points, %d pairs, %d images, %d of %d mutants caught, %d between\n",
		of("crash points"), of("pairs"), of("images"), of("caught"), of("mutants"), of("between"))
	switch {
	case failed.Load() || of("between") > 0:
		return fmt.Errorf("something is between, or was not noticed: see above")
	case of("crash points") == 0:
		return fmt.Errorf("nothing was tried")
	}
	return nil
}

// try runs a part and prints what it says once it has ended, so that lanes do not
// mix.
func try(p part, report string) (ok bool) {
	start := time.Now()
	cmd := exec.Command("go", append([]string{"test", "-count=1", "-p=1", "-timeout=300m"}, p.args...)...)
	cmd.Env = append(os.Environ(), "UPKEEP_SLOW=1", tally.Env+"="+report)
	out, err := cmd.CombinedOutput()
	fmt.Printf("%scrash: %s: %s\n", out, p.args[len(p.args)-1], time.Since(start).Round(time.Second))
	return err == nil
}

type key struct{ harness, what string }

// add adds up the lines of the report.
func add(path string) (map[key]int, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("no harness has counted anything: %w", err)
	}
	sums := map[key]int{}
	for dec := json.NewDecoder(bytes.NewReader(raw)); dec.More(); {
		var l tally.Line
		if err := dec.Decode(&l); err != nil {
			return nil, fmt.Errorf("cannot read the counts: %w", err)
		}
		k := key{l.Harness, l.What}
		if strings.HasSuffix(l.What, " ms") { // of times the longest counts
			sums[k] = max(sums[k], l.N)
		} else {
			sums[k] += l.N
		}
	}
	return sums, nil
}
