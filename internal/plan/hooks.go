package plan

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
)

// hooks adds, for every declared folder, the scripts that run at this phase:
// in byte order of their names, each by the sum it has now.
func (b *builder) hooks(ph manifest.Phase) {
	for _, set := range b.hookSets() {
		if set.Phase != "any" && set.Phase != string(ph) {
			continue
		}
		b.hookSet(ph, set)
	}
}

// hookSets are the folders of the product and those of the site.
func (b *builder) hookSets() []manifest.HookSet {
	sets := slices.Clone(b.res.Product.Hooks)
	for _, h := range b.in.Site.Hooks {
		sets = append(sets, manifest.HookSet{By: "site", Dir: h.Dir, Name: h.Name, Phase: h.Phase, As: h.As, Repeatable: h.Repeatable})
	}
	return sets
}

func (b *builder) hookSet(ph manifest.Phase, set manifest.HookSet) {
	dir, err := b.res.Scope.Expand(set.Dir)
	if !b.check(err) {
		return
	}
	if _, err := manifest.MatchName(strings.NewReplacer("${phase}", "x", "${component}", "x").Replace(set.Name), "x"); err != nil {
		b.refuse("the hooks in %s: %q is %v", dir, set.Name, err)
		return
	}
	entries := b.in.Facts.HookDirs[dir]
	if entries == nil {
		return
	}
	by := set.By
	if by == "" {
		by = "vendor"
	}
	for _, component := range b.hookComponents(set) {
		if component != "" && !b.takesPart(component) {
			continue
		}
		var files []HookFile
		for _, e := range entries {
			if !hookMatches(set.Name, ph, b.hookNames(component), e.Name) {
				continue
			}
			switch {
			case e.Skip != "":
				b.noteOnce("hook folder %s: %s is not run: %s", dir, e.Name, e.Skip)
			case e.Unsafe != "":
				b.refuse("the hook %s must not run: %s", path.Join(dir, e.Name), e.Unsafe)
			default:
				files = append(files, HookFile{Path: path.Join(dir, e.Name), SHA256: e.SHA256, By: by, Phase: string(ph)})
			}
		}
		if len(files) > 0 {
			slices.SortFunc(files, func(x, y HookFile) int { return strings.Compare(x.Path, y.Path) })
			b.hookStep(ph, set, by, dir, component, files)
		}
	}
	b.unmatched(set, dir, entries)
}

// hookComponents are the units that a folder's scripts are named for; one empty
// name when they are not named for components.
func (b *builder) hookComponents(set manifest.HookSet) []string {
	if !strings.Contains(set.Name, "${component}") {
		return []string{""}
	}
	return b.res.Product.Order
}

// hookable are the names that scripts may have: those of the components too
// that are not there now.
func (b *builder) hookable(set manifest.HookSet) []string {
	units := b.hookComponents(set)
	if !strings.Contains(set.Name, "${component}") {
		return units
	}
	return slices.Concat(units, b.res.Raw.Order)
}

func (b *builder) hookNames(component string) []string {
	if component == "" {
		return []string{""}
	}
	return slices.Compact(append([]string{component, ComponentOf(component)}, b.res.Raw.Components[ComponentOf(component)].Aliases...))
}

// hookMatches says whether a file's name fits the pattern at a phase, under
// any name of the phase and of the component. Patterns are those of the shell.
func hookMatches(pattern string, ph manifest.Phase, components []string, name string) bool {
	phases := []string{string(ph)}
	for word, p := range manifest.HookNames() {
		if p == ph {
			phases = append(phases, word)
		}
	}
	for _, p := range phases {
		for _, c := range components {
			glob := strings.NewReplacer("${phase}", p, "${component}", c).Replace(pattern)
			if ok, err := manifest.MatchName(glob, name); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// unmatched reports the files of a folder that no phase will ever run:
// silence would be the worst outcome.
func (b *builder) unmatched(set manifest.HookSet, dir string, entries []HookEntry) {
	for _, e := range entries {
		found := false
		for _, ph := range manifest.Phases() {
			if set.Phase != "any" && set.Phase != string(ph) {
				continue
			}
			for _, c := range b.hookable(set) {
				found = found || hookMatches(set.Name, ph, b.hookNames(c), e.Name)
			}
		}
		if !found && !b.otherSet(dir, e.Name) {
			b.noteOnce("hook folder %s: %s fits no phase (pattern %s) and is not run", dir, e.Name, set.Name)
		}
	}
}

// otherSet says whether another declaration of the same folder takes the file.
func (b *builder) otherSet(dir, name string) bool {
	for _, set := range b.hookSets() {
		d, err := b.res.Scope.Expand(set.Dir)
		if err != nil || d != dir {
			continue
		}
		for _, ph := range manifest.Phases() {
			for _, c := range b.hookable(set) {
				if (set.Phase == "any" || set.Phase == string(ph)) && hookMatches(set.Name, ph, b.hookNames(c), name) {
					return true
				}
			}
		}
	}
	return false
}

func (b *builder) hookStep(ph manifest.Phase, set manifest.HookSet, by, dir, component string, files []HookFile) {
	sc := b.res.Unit(component).Scope.With("phase", string(ph), "component", ComponentOf(component), "backup.path", b.in.Facts.Backup)
	env := map[string]string{"UPKEEP_PHASE": string(ph), "UPKEEP_COMPONENT": ComponentOf(component), "UPKEEP_PRODUCT": b.plan.Product,
		"UPKEEP_VERSION_FROM": b.plan.From, "UPKEEP_VERSION_TO": b.plan.To}
	if _, instance, several := strings.Cut(component, "@"); several {
		env["UPKEEP_INSTANCE"] = instance
	}
	for _, kv := range b.res.Env {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	for _, k := range slices.Sorted(maps.Keys(set.Env)) {
		v, err := sc.Expand(set.Env[k])
		if err != nil {
			b.refuse("hooks in %s, env %s: %v", dir, k, err)
			return
		}
		env[k] = v
	}
	p := &HooksParams{Dir: dir, By: by, Phase: string(ph), Files: files, Env: flat(env), Within: set.Within, OutputMax: outputMax}
	if p.Within == 0 {
		p.Within = 10 * time.Minute
	}
	var names []string
	for _, f := range files {
		names = append(names, path.Base(f.Path))
	}
	id, title := "hooks."+string(ph), fmt.Sprintf("run %d %s hooks: %s", len(files), by, strings.Join(names, ", "))
	if len(files) == 1 {
		title = fmt.Sprintf("run the %s hook %s", by, names[0])
	}
	if component != "" {
		id += "." + component
	}
	as := b.account(set.As)
	if as == "" && b.in.Facts.Root {
		b.refuse("the hooks in %s have no account: say as: ACCOUNT; root must be written", dir)
	}
	st := Step{ID: id, Verb: "hooks", Phase: string(ph), As: as, Class: Reversible, Title: title, Writes: b.copied, Undo: "restore", Redo: set.Repeatable,
		Deadline: time.Duration(len(files)) * p.Within, Tolerated: set.OnFailure == "warn"}
	if set.Undo != nil {
		st.Undo = set.Undo.How
		if set.Undo.Step != nil {
			back, err := b.runParams(*set.Undo.Step)
			if b.check(err) {
				p.Undo, st.Undo = back, "action"
			}
		}
	}
	if st.Undo == "restore" && !b.restorable() {
		st.Undo = "none"
	}
	if b.after() {
		st.Undo, st.Tolerated = "", true
	}
	for _, f := range files {
		if !slices.Contains(b.plan.Hooks, f) {
			b.plan.Hooks = append(b.plan.Hooks, f)
		}
	}
	b.add(st, p)
}
