package probe

import (
	"path/filepath"
	"testing"

	"upkeep/internal/plan"
)

func TestInventory_S4_44(t *testing.T) {
	dir := t.TempDir()
	lines := write(t, filepath.Join(dir, "plug-ins"), "agent on\npatch outdated agent\nsoftware off\n")
	table := write(t, filepath.Join(dir, "plug-ins.csv"), "name;state;depends\nagent;off;\npatch;on;agent\n")
	empty := write(t, filepath.Join(dir, "empty"), "")
	broken := write(t, filepath.Join(dir, "broken.json"), `[{"nam": "agent"}]`)
	deep := write(t, filepath.Join(dir, "deep.json"), `{"data": {"list": [{"id": "agent", "ok": true}]}}`)
	e := New(Deps{})
	of := func(from plan.Probe, rest ...string) plan.Probe {
		p := probe("inventory", "plug-ins", rest...)
		p.From = &from
		return p
	}
	list := probe("file", lines)
	for _, r := range []row{
		{p: of(list), ok: true, got: "agent: on patch: outdated, needs agent software: off", evidence: "plug-ins: 3 items, 1 on, 1 outdated, 1 off"},
		{p: of(list, "select=outdated", "expect=none"), got: "patch", evidence: "plug-ins: 3 items, 1 on, 1 outdated, 1 off; outdated: patch"},
		{p: of(list, "select=broken, lost", "expect=none"), ok: true, got: "none", evidence: "; none is broken, lost"},
		{p: of(list, "select=on,off"), ok: true, got: "agent software"},
		{p: of(list, "select=/^o/"), ok: true, got: "agent patch software"},
		{p: of(list, "select=/^(/"), err: "cannot compile the regular expression"},
		{p: of(list, "select=unmet-dependencies", "expect=none"), ok: true, got: "none", evidence: "; none lacks what it needs"},
		{p: of(list, "select=unmet-dependencies of outdated", "expect=none"), got: "patch needs agent (on)"},
		{p: of(probe("file", table), "select=unmet-dependencies of on", "expect=none"), got: "patch needs agent (off)"},
		{p: of(probe("file", table), "state=stat"), err: "it has no column stat: is state meant?"},
		{p: of(probe("file", deep, "select=data.list"), "item=id", "state=ok", "select=true"), ok: true, got: "agent"},
		{p: of(probe("file", empty), "expect=none"), ok: true, got: "none", evidence: "plug-ins: no items"},
		{p: of(probe("file", dir+"/none"), "expect=none"), err: "cannot read inventory plug-ins: its list cannot be had: " + dir + "/none does not exist"},
		{p: of(probe("file", broken), "expect=none"), err: "item 1: it has no item or name"},
		{p: of(probe("file", dir), "expect=none"), err: "it is no regular file"},
		{p: probe("inventory", "plug-ins"), err: "it does not say where its list is: add from: {command: […]}"},
		{p: of(probe("memory", "total")), err: "not from memory"},
		{p: of(probe("file", lines, "expect=x")), err: "what is expected belongs to the inventory"},
		{p: of(probe("file", lines, "nmae=x")), err: `takes no key "nmae"`},
		{p: of(list, "format=xml"), err: `"xml" is no format of a list`},
	} {
		r.check(t, e)
	}
	all, err := e.List(t.Context(), of(list, "select=on, off"))
	if err != nil || len(all) != 2 {
		t.Errorf("%q, %v", all, err)
	}
}
