package manifest

import (
	"fmt"
	"strings"

	"upkeep/internal/document"
)

func (d decoder) backup(id string, n *document.Node) Backup {
	m := d.Map(n, "backup "+id)
	m.Required("of")
	b := Backup{Pos: n.Pos, Of: m.Strings("of"), Role: m.String("role"), Make: d.stepIn(m, "make"), Verify: each(m, "verify", d.probe),
		Restore: d.stepIn(m, "restore"), Keep: m.OneOf("keep", "until-finished", "forever"), Place: m.OneOf("place", "local", "remote"),
		Optional: m.Bool("optional"), Content: d.probeIn(m, "content")}
	if m.Has("make") != m.Has("restore") {
		d.Errorf(n.Pos, "", "backup %s needs both make and restore, or neither", id)
	}
	m.Done()
	return b
}

func (d decoder) setting(id string, n *document.Node) Setting {
	m := d.Map(n, "setting "+id)
	m.Required("read", "write")
	s := Setting{Pos: n.Pos, Type: m.OneOf("type", "string", "bool", "int"), Nodes: m.String("nodes")}
	if read := d.probeIn(m, "read"); read != nil {
		s.Read = *read
	}
	if write := d.stepIn(m, "write"); write != nil {
		s.Write = *write
	}
	m.Done()
	return s
}

func (d decoder) hookSet(n *document.Node) HookSet {
	m := d.Map(n, "a hook folder")
	m.Required("dir", "name", "phase")
	h := HookSet{Pos: n.Pos, By: m.OneOf("by", "vendor", "site"), Dir: d.text(m, "dir"), Name: d.text(m, "name"),
		Phase: HookPhase(d.Decoder, m.Get("phase")), As: m.String("as"), Env: m.StringMap("env"),
		OnFailure: m.OneOf("on-failure", "back", "warn"), Within: m.Duration("within"), Undo: d.undo(m.Get("undo")),
		Repeatable: m.Bool("repeatable")}
	m.Done()
	return h
}

// HookPhase reads the phase of a hook folder: a phase, or any. The names that
// hook files use for phases are not those of the phases.
func HookPhase(d *document.Decoder, n *document.Node) string {
	if n == nil {
		return ""
	}
	if phase, ok := HookNames()[strings.ToUpper(n.Value)]; ok && n.Kind == document.Scalar {
		d.Errorf(n.Pos, fmt.Sprintf("write %s", phase), `"phase" cannot be %q`, n.Value)
		return ""
	}
	return d.OneOf(n, `"phase"`, append(phaseNames(), "any")...)
}

func phaseNames() []string {
	var all []string
	for _, p := range Phases() {
		all = append(all, string(p))
	}
	return all
}

func (d decoder) group(n *document.Node) Group {
	m := d.Map(n, "a group of features")
	m.Required("group")
	g := Group{Pos: n.Pos, Group: d.text(m, "group"), Choose: m.OneOf("choose", "one", "many"), Folder: d.text(m, "folder")}
	g.Of, g.Order = d.features(m, 1)
	if m.Has("of") == m.Has("folder") && !m.Bad() {
		d.Errorf(n.Pos, "", "group %q needs either features (of) or a folder where they are found", g.Group)
	}
	m.Done()
	return g
}

// maxFeatures bounds how deep features lie in one another.
const maxFeatures = 8

func (d decoder) features(m *document.MapDecoder, depth int) (map[string]Feature, []string) {
	return named(d, m, "of", "a feature", func(id string, n *document.Node) Feature {
		f := d.Map(n, "feature "+id)
		out := Feature{Pos: n.Pos, Title: f.String("title"), Mandatory: f.Bool("mandatory"), Default: f.Bool("default"), Hidden: f.Bool("hidden"),
			Auto: d.when(f.Get("auto")), Replaces: f.Strings("replaces"), Components: f.Strings("components")}
		if depth < maxFeatures {
			out.Of, out.Order = d.features(f, depth+1)
		} else if f.Has("of") {
			d.Errorf(n.Pos, "", "features lie deeper in one another than %d", maxFeatures)
		}
		f.Done()
		return out
	})
}

func (d decoder) remedy(n *document.Node) Remedy {
	m := d.Map(n, "a remedy")
	m.Required("symptom", "probe")
	r := Remedy{Pos: n.Pos, Symptom: d.text(m, "symptom"), Evidence: d.text(m, "evidence"), When: d.when(m.Get("when")), Fix: each(m, "fix", d.step), Else: m.String("else")}
	if probe := d.probeIn(m, "probe"); probe != nil {
		r.Probe = *probe
	}
	m.Done()
	return r
}

func (d decoder) feed(n *document.Node) *Feed {
	if n == nil {
		return nil
	}
	m := d.Map(n, "the feed")
	f := &Feed{Pos: n.Pos, Command: d.args(m.Get("command"), "command"), HTTP: d.text(m, "http"), As: d.text(m, "as"), Format: m.String("format"),
		Select: m.String("select"), Published: m.String("published"), Refresh: d.args(m.Get("refresh"), "refresh"), Every: m.Duration("every"), Cache: d.feedCache(m.Get("cache"))}
	if m.Has("command") == m.Has("http") && !m.Bad() {
		d.Errorf(n.Pos, "", "the feed needs either a command or an http address")
	}
	m.Done()
	return f
}

// feedCache reads a file, or a file with what is taken out of it.
func (d decoder) feedCache(n *document.Node) *FeedCache {
	switch {
	case n == nil:
		return nil
	case n.Kind == document.Scalar:
		return &FeedCache{File: d.String(n, `"cache"`)}
	}
	m := d.Map(n, "the cache")
	m.Required("file")
	c := &FeedCache{File: d.text(m, "file"), Select: m.String("select"), At: m.String("at")}
	m.Done()
	return c
}
