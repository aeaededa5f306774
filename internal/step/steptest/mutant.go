package steptest

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap"
)

// MutantEnv names the one thing that is wrong in the code under test, for the
// harness that wants the suite to notice it: "omit SITE" leaves a call of
// durable out, "unsynced SITE" makes it without its syncs. "reach FILE" changes
// nothing, and appends every site that is come to to the file, with " unsynced"
// after it where there are syncs to leave out. SITE is as tap.Op has it.
const MutantEnv = "UPKEEP_MUTANT"

// Watched is the machine's file system for suites of other contracts than a
// verb's: it knows what was written through it and not synced.
type Watched struct{ k *Killer }

// Watch makes one.
func Watch() Watched { return Watched{newKiller()} }

// FS is what the code under test writes through. MutantEnv may make it wrong.
func (w Watched) FS() durable.FS { return w.k.FS() }

// Dirty lists what is not durable.
func (w Watched) Dirty() []string { return w.k.dirty() }

// Named says that a program which the code under test asks for it makes the
// name path, and leaves it to the code to sync it.
func (w Watched) Named(path string) { w.k.note(func(l ledger) { l.name(path) }) }

// Made says that a stand-in has made the file at path, and has not synced it: as
// the program does that it stands for.
func (k *Killer) Made(path string) { k.note(func(l ledger) { l.content(path); l.name(path) }) }

// mutated puts the mutant around everything else, where the calls are made: what
// is left out is no moment, and what is not synced stays in the ledger.
func mutated(fsys durable.FS) durable.FS {
	mutant := os.Getenv(MutantEnv)
	if mutant == "" {
		return fsys
	}
	kind, at, _ := strings.Cut(mutant, " ")
	switch kind {
	case "omit":
		return tap.FS(fsys, func(op tap.Op, do func() error) error {
			if op.Site == at {
				return nil
			}
			return do()
		})
	case "unsynced":
		return tap.FS(fsys, func(op tap.Op, do func() error) error {
			if op.Site == at && op.Lazy != nil {
				return op.Lazy()
			}
			return do()
		})
	case "reach":
		var seen sync.Map
		return tap.FS(fsys, func(op tap.Op, do func() error) error {
			line := op.Site
			if op.Lazy != nil {
				line += " unsynced"
			}
			if _, old := seen.LoadOrStore(line, true); !old {
				if err := appendLine(at, line); err != nil {
					return err
				}
			}
			return do()
		})
	}
	// nobody would notice that nothing is wrong
	panic(fmt.Sprintf("steptest: %s: no mutant is %q", MutantEnv, mutant))
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot note what is reached: %w", err)
	}
	_, err = f.WriteString(line + "\n") // one write: lines of several processes do not mix
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
