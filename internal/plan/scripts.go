package plan

import "upkeep/internal/manifest"

// ScriptFact is what the database says, before anything is closed, of a folder
// of scripts that are not applied yet.
type ScriptFact struct {
	Refused []string // why they would fail, in sentences
	Notes   []string // what they would do beside what they are for
}

// ScriptKey is the key of Facts.Scripts.
func ScriptKey(version, unit, folder string) string { return version + "\x00" + unit + "\x00" + folder }

// scriptFacts refuses scripts that are known to fail. Those that wait after the
// run are only spoken of: much may change until then.
func (b *builder) scriptFacts(id string, s manifest.Step, h HopInput) {
	f := b.in.Facts.Scripts[ScriptKey(h.Release.Version, id, s.Scripts)]
	for _, why := range f.Refused {
		if s.Soak > 0 {
			b.note("%s", why)
			continue
		}
		b.refuse("%s", why)
	}
	for _, n := range f.Notes {
		b.note("%s", n)
	}
}
