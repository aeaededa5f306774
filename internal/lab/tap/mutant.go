package tap

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"upkeep/internal/durable"
)

// MutantEnv names the one thing that is wrong in the code under test, for the
// harness that wants its tests to notice it: "omit SITE" leaves a call of
// durable out, "unsynced SITE" makes it without its syncs. "reach FILE" changes
// nothing, and appends every site that is come to to the file, with " unsynced"
// after it where there are syncs to leave out. SITE is as Op has it.
const MutantEnv = "UPKEEP_MUTANT"

// Mutated puts the mutant that MutantEnv names around a file system. It belongs
// around everything else, where the calls are made: what is left out is no
// moment, and what is not synced stays in a ledger.
func Mutated(fsys durable.FS) durable.FS {
	mutant := os.Getenv(MutantEnv)
	if mutant == "" {
		return fsys
	}
	kind, at, _ := strings.Cut(mutant, " ")
	switch kind {
	case "omit":
		return FS(fsys, func(op Op, do func() error) error {
			if op.Site == at {
				return nil
			}
			return do()
		})
	case "unsynced":
		return FS(fsys, func(op Op, do func() error) error {
			if op.Site == at && op.Lazy != nil {
				return op.Lazy()
			}
			return do()
		})
	case "reach":
		var seen sync.Map
		return FS(fsys, func(op Op, do func() error) error {
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
	panic(fmt.Sprintf("tap: %s: no mutant is %q", MutantEnv, mutant))
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
