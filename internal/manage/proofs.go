package manage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/backup"
)

// Proof is what a restore point was proven by, after it was made: then
// everything was only read back from the system's cache, as it may be.
type Proof struct {
	By   ProofKind `json:"by"`
	At   time.Time `json:"at"`
	Seal string    `json:"seal"` // of the restore point's record: one that was amended since is not proven
	Run  string    `json:"run,omitempty"`
}

// ProofKind is how.
type ProofKind string

// Verified: read whole, and compared with its sums. Restored: restored, and
// compared with what it describes.
const (
	Verified ProofKind = "verified"
	Restored ProofKind = "restored"
)

func (in *Installation) proofsPath() string { return filepath.Join(in.State, "proofs.json") }

// proofs are kept with the state, by the restore point's id: the place of the
// restore points may not be writable to whoever verifies.
func (in *Installation) proofs() (map[string]Proof, error) {
	out := map[string]Proof{}
	raw, err := in.FS.ReadFile(in.proofsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell which restore points were proven (%s): %w; it can be removed: upkeep backup verify makes it anew", in.proofsPath(), err)
	}
	return out, nil
}

// NoteProof keeps that a restore point was proven. Those of restore points that
// are gone go with it.
func (in *Installation) NoteProof(p backup.Point, by ProofKind, there []backup.Point) error {
	all, err := in.proofs()
	if err != nil {
		return err
	}
	kept := map[string]Proof{p.ID: {By: by, At: time.Now().UTC().Round(time.Second), Seal: p.Seal}}
	for _, other := range there {
		if proof, ok := all[other.ID]; ok && other.ID != p.ID {
			kept[other.ID] = proof
		}
	}
	raw, err := json.MarshalIndent(kept, "", " ")
	if err != nil {
		return err
	}
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return fmt.Errorf("cannot note that a restore point was proven: %w", err)
	}
	if err := in.FS.WriteFile(in.proofsPath(), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot note that a restore point was proven: %w", err)
	}
	return nil
}

// proven tells of a restore point whether it was proven since it was made. What
// cannot be read proves nothing.
func (in *Installation) proven() func(backup.Point) bool {
	all, err := in.proofs()
	return func(p backup.Point) bool {
		return err == nil && all[p.ID].Seal == p.Seal && p.Seal != ""
	}
}
