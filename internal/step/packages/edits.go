package packages

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// mostLines and mostBytes bound what is compared: what is larger is no
// configuration that a person reads in a log.
const (
	mostLines = 2000
	mostBytes = 256 << 10
)

// edits writes into the log what became of the configuration files that the
// site had edited, and how the two differ. What not everybody may read may hold
// secrets, and is only named.
func (h *Install) edits(env step.Env, p *plan.PackageParams) {
	for _, e := range p.Edited {
		beside := e.Beside(p.Policy)
		was, public, err := h.text(beside)
		if errors.Is(err, fs.ErrNotExist) {
			continue // both have made the same change
		}
		is, open, err2 := h.text(e.Path)
		child.Log(env, "configuration file %s: what was not taken is %s", e.Path, beside)
		switch err = errors.Join(err, err2); {
		case err != nil:
			child.Log(env, "they cannot be compared: %v", err)
		case !public || !open:
			child.Log(env, "they differ; how is not written here, since not everybody may read them: diff %s %s", beside, e.Path)
		default:
			for _, l := range diff(was, is) {
				child.Log(env, "%s", l)
			}
		}
	}
}

// text reads the lines of a file, and says whether everybody may read it.
func (h *Install) text(path string) (lines []string, public bool, err error) {
	info, err := h.files.Lstat(path)
	if err != nil {
		return nil, false, err
	}
	if !info.Mode.IsRegular() || info.Size > mostBytes {
		return nil, false, errors.New(path + " is no text file of a usual size")
	}
	f, err := h.files.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostBytes))
	if err == nil && bytes.IndexByte(text, 0) >= 0 {
		err = errors.New(path + " is no text")
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), info.Mode.Perm()&0o004 != 0, err
}

// diff lists what one text has and the other has not, in the order of both,
// with a line around every change.
func diff(was, is []string) []string {
	if len(was) > mostLines || len(is) > mostLines {
		return []string{"they are too long to be compared here"}
	}
	// the longest common subsequence, from the end
	n := make([][]int, len(was)+1)
	for i := range n {
		n[i] = make([]int, len(is)+1)
	}
	for i, a := range slices.Backward(was) {
		for j, b := range slices.Backward(is) {
			if n[i][j] = max(n[i+1][j], n[i][j+1]); a == b {
				n[i][j] = n[i+1][j+1] + 1
			}
		}
	}
	var all []string
	i, j := 0, 0
	for i < len(was) || j < len(is) {
		switch {
		case i < len(was) && j < len(is) && was[i] == is[j]:
			all = append(all, " "+was[i])
			i, j = i+1, j+1
		case j == len(is) || i < len(was) && n[i+1][j] >= n[i][j+1]:
			all = append(all, "-"+was[i])
			i++
		default:
			all = append(all, "+"+is[j])
			j++
		}
	}
	var out []string
	for k, l := range all {
		near := all[max(0, k-1):min(len(all), k+2)]
		if slices.ContainsFunc(near, func(s string) bool { return s[0] != ' ' }) {
			out = append(out, l)
		}
	}
	return out
}
