package config

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"upkeep/internal/lab"
)

// redisConf is the configuration file of Debian's redis-server of a suite.
func redisConf(t *testing.T, suite string) []byte {
	p, err := lab.FetchPackage(t.Context(), suite, "redis-server")
	if err != nil {
		t.Logf("%s is left out: %v", suite, err)
		return nil
	}
	unpack := exec.CommandContext(t.Context(), "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -xO ./etc/redis/redis.conf`, "sh", p.Deb)
	text, err := unpack.Output()
	if err != nil || len(text) == 0 {
		t.Fatalf("redis.conf of %s: %v", suite, err)
	}
	return text
}

var (
	setting  = regexp.MustCompile(`^[a-z][a-z0-9-]* \S`)
	ours     = regexp.MustCompile(`(?m)^[a-z][a-z0-9-]* ours-[0-9]+$`)
	inactive = regexp.MustCompile(`^# [a-z]+(-[a-z0-9]+)+ [0-9a-z/"]+$`)
)

// administrator makes eight edits: values are changed, defaults that stand in
// comments are set, keys are added and taken out.
func administrator(text []byte, dice *rand.Rand) []byte {
	l := strings.SplitAfter(string(text), "\n")
	some := func(fits *regexp.Regexp) int {
		var all []int
		for i := range l {
			if fits.MatchString(strings.TrimSuffix(l[i], "\n")) {
				all = append(all, i)
			}
		}
		if len(all) == 0 {
			return -1
		}
		return all[dice.IntN(len(all))]
	}
	for n := range 8 {
		switch {
		case n < 5:
			if i := some(setting); i >= 0 {
				key, _, _ := strings.Cut(l[i], " ")
				l[i] = fmt.Sprintf("%s ours-%d\n", key, dice.IntN(1000))
			}
		case n == 5:
			if i := some(inactive); i >= 0 {
				l[i] = strings.TrimPrefix(l[i], "# ")
			}
		case n == 6:
			i := dice.IntN(len(l))
			l[i] = fmt.Sprintf("rename-command COMMAND%d x\n", dice.IntN(1000)) + l[i]
		default:
			if i := some(setting); i >= 0 {
				l[i] = "# " + l[i]
			}
		}
	}
	return []byte(strings.Join(l, ""))
}

// TestRedisFigure: how many of 100 administrators with eight edits each have
// conflicts, merged by git, line by line, and by keys. No value of theirs may be
// lost.
func TestRedisFigure(t *testing.T) {
	lab.Bench(t)
	dir := t.TempDir()
	var texts [][]byte
	var names []string
	for _, suite := range []string{"bullseye", "bookworm", "trixie", "forky"} {
		if text := redisConf(t, suite); text != nil {
			texts, names = append(texts, text), append(names, suite)
		}
	}
	for i := range texts {
		for k := i + 1; k < len(texts); k++ {
			base, fresh := texts[i], texts[k]
			if bytes.Equal(base, fresh) {
				continue
			}
			dice := rand.New(rand.NewPCG(17, uint64(i*10+k)))
			var git, byLines, byKeys, keys, obsolete int
			for range 100 {
				site := administrator(base, dice)
				if gitConflicts(t, dir, base, site, fresh) {
					git++
				}
				if r, err := Merge(base, site, fresh, Lines, nil); err != nil || len(r.Conflicts) > 0 {
					byLines++
				}
				r, err := Merge(base, site, fresh, Keyword, nil)
				if err != nil || r.Format != Keyword {
					t.Fatalf("%v, merged as %s: %s", err, r.Format, r.Why)
				}
				if len(r.Conflicts) > 0 {
					byKeys++
					keys += len(r.Conflicts)
				}
				obsolete += len(r.Obsolete)
				for _, line := range ours.FindAllString(string(site), -1) { // whatever they have set stands there, or is asked
					_, value, _ := strings.Cut(line, " ")
					if !strings.Contains(string(r.Text), "\n"+line+"\n") && !strings.Contains(fmt.Sprint(r.Conflicts), value) {
						t.Errorf("%q is lost", line)
					}
				}
			}
			t.Logf("%s → %s (%d → %d lines): files with conflicts of 100: git merge-file %d, line by line %d, by keys %d (%d keys; %d obsolete ones carried over)",
				names[i], names[k], bytes.Count(base, []byte("\n")), bytes.Count(fresh, []byte("\n")), git, byLines, byKeys, keys, obsolete)
		}
	}
	if len(texts) < 2 {
		t.Error("there are not two releases to compare")
	}
}

func gitConflicts(t *testing.T, dir string, base, site, fresh []byte) bool {
	t.Helper()
	var paths []string
	for name, text := range map[string][]byte{"1": site, "2": base, "3": fresh} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"1", "2", "3"} {
		paths = append(paths, filepath.Join(dir, name))
	}
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"merge-file", "-p", "-q"}, paths...)...)
	cmd.Stdout = io.Discard
	return cmd.Run() != nil
}
