package manage

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/service/systemd"
	holds "upkeep/internal/step/hold/register"
)

// Unfinished lists the folders in which a run's calls to durable can have left
// something that a crash interrupted: state is the installation's state folder.
func Unfinished(state, id string, p *plan.Plan) []string {
	dir := filepath.Join(state, "runs", id)
	dirs := []string{state, filepath.Join(state, "services"), holds.Dir(state), dir, filepath.Join(dir, "memos"), filepath.Join(dir, "results")}
	for _, s := range p.Steps {
		var at struct{ At, Staging, Old, Path, Marker string }
		if json.Unmarshal(s.Params, &at) != nil {
			continue // a verb whose parameters of these names are something else
		}
		for _, tree := range []string{at.At, at.Staging, at.Old} {
			if tree = strings.ReplaceAll(tree, "${run.id}", id); filepath.IsAbs(tree) {
				dirs = append(dirs, tree, filepath.Dir(tree))
			}
		}
		for _, file := range []string{at.Path, at.Marker} {
			if filepath.IsAbs(file) {
				dirs = append(dirs, filepath.Dir(file))
			}
		}
	}
	for _, u := range unitsOf(p) {
		for _, name := range systemd.Candidates(u) {
			dirs = append(dirs, filepath.Join("/etc/systemd/system", name+".d"))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
