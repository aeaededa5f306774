package manage

import (
	"encoding/json"
	"fmt"
	"os"

	"upkeep/internal/run"
	"upkeep/internal/selfupgrade"
)

// BegunByOtherError says that a run is open which another version of Upkeep
// began, and that this one does not know how that one carries it on.
type BegunByOtherError struct {
	Run     string
	Version string // of the Upkeep that began it
	Kept    string // the binary that self-upgrade has kept; empty when there is none
}

func (e *BegunByOtherError) Error() string {
	version := e.Version
	if version == "" {
		version = "of another version"
	}
	with := fmt.Sprintf("install Upkeep %s again and type upkeep resume", version)
	if e.Kept != "" {
		with = fmt.Sprintf("finish it with the one that was kept: %s resume (%s version says which it is)", e.Kept, e.Kept)
	}
	return fmt.Sprintf("run %s was begun by Upkeep %s, and this Upkeep, %s, cannot tell how that one would go on: nothing was touched; %s", e.Run, version, Version(), with)
}

// mine refuses an open run that another version began and this one cannot
// finish. It is asked before anything else of the run is read: what a newer
// version has written may mean what this one does not know.
func (in *Installation) mine(id string, entries []run.Entry) error {
	if len(entries) == 0 || entries[0].Kind != run.RunOpened {
		return nil // the fold says so
	}
	var o run.Opened
	if err := json.Unmarshal(entries[0].Body, &o); err != nil || run.Finishes(o.Generation) {
		return nil // likewise
	}
	e := &BegunByOtherError{Run: id, Version: o.Engine}
	if kept := selfupgrade.Kept(in.Exe); in.Exe != "" {
		if _, err := os.Stat(kept); err == nil {
			e.Kept = kept
		}
	}
	return e
}
