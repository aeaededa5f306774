package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// When dumps are proven by restoring them into a scratch database.
const (
	ProveNo     = "never"
	ProveAhead  = "ahead"  // what is dumped while users work
	ProveAlways = "always" // and what must be dumped in the outage
)

// ScratchFact says whether a scratch database can be had beside a database.
type ScratchFact struct {
	Problem string // in a sentence; empty: it can
	Dir     string // on whose volume it would lie; empty: not known
	Bytes   int64  // that it needs there
}

// proveDumps decides which dumps are restored into a scratch database and
// compared before they count. Unless the administrator decides, all are, as far
// as rights, room and the limit of the step allow; what is not is said, and why.
func (b *builder) proveDumps() {
	if b.in.First || b.plan.Waivers["backup"] != "" {
		return
	}
	wish := b.in.Site.Backup.Prove
	modes := map[string]string{}
	for _, d := range b.drafts {
		p, ok := d.params.(*BackupParams)
		if !ok || !slices.Contains([]string{"precopy", "backup", "restore"}, d.Verb) {
			continue
		}
		for _, db := range p.Databases {
			mode, known := modes[db.Component]
			if !known {
				mode = b.proveDump(db.Component, wish)
				modes[db.Component] = mode
			}
			if mode == ProveNo {
				continue
			}
			if p.Proof == nil {
				p.Proof = map[string]string{}
			}
			p.Proof[db.Component] = mode
		}
		if d.Verb == "precopy" && p.Ahead && len(p.Proof) > 0 {
			d.Title += ", and prove the dumps by restoring them"
		}
	}
}

func (b *builder) proveDump(unit, wish string) string {
	fact := b.in.Facts.Scratch[unit]
	why := fact.Problem
	if why == "" && fact.Dir == "" && wish == "" {
		why = "how much room the database's server has is not known from here; backup: {prove: always} in the installation document does it all the same"
	}
	if why == "" && wish != ProveNo {
		why = b.noScratchRoom(fact)
	}
	switch {
	case wish == ProveNo:
		why = "the installation document says backup: {prove: never}"
	case why != "" && wish != "":
		b.refuse("the dump of %s cannot be proven by restoring it, as backup: {prove: %s} in the installation document asks: %s", unit, wish, why)
		return wish
	case why == "" && wish == ProveAhead:
		b.noteOnce("a dump of %s that is made in the outage is read back and not restored: the installation document says backup: {prove: ahead}", unit)
		return ProveAhead
	case why == "" && wish == "" && b.tooLong(unit):
		limit := b.in.Site.Limits["backup"]
		b.noteOnce("a dump of %s that is made in the outage is read back and not restored: that would take longer than the limit of the step (limits: {backup: %s} in the installation document)", unit, limit)
		return ProveAhead
	case why == "":
		return ProveAlways
	}
	b.noteOnce("the dump of %s is read back and not restored to prove it: %s", unit, why)
	return ProveNo
}

// noScratchRoom says in words why a scratch database does not fit beside
// everything else that the run needs.
func (b *builder) noScratchRoom(fact ScratchFact) string {
	v, ok := b.in.Facts.Volumes[fact.Dir]
	if !ok {
		return ""
	}
	unsealed := *b.plan
	unsealed.Steps = nil
	for _, d := range b.drafts {
		unsealed.Steps = append(unsealed.Steps, d.Step)
	}
	need := fact.Bytes
	for _, n := range space(&unsealed, b.in) {
		if n.Volume == v.ID {
			need += n.Bytes
		}
	}
	if need <= v.Free {
		return ""
	}
	return fmt.Sprintf("the run and a scratch database need %s on the volume of %s, where %s are free", Size(need), fact.Dir, Size(v.Free))
}

// tooLong says that the dump and its proof would outlast the limit that the
// administrator gave to making the restore point.
func (b *builder) tooLong(unit string) bool {
	limit, ok := b.in.Site.Limits["backup"]
	bytes := b.in.Facts.Databases[unit]
	return ok && per(bytes, dumpRate)+per(bytes, proofRate) > limit
}

// proven is how many bytes of databases a step proves, at most.
func proven(s Step, in Input) (n int64) {
	p := backupOf(s)
	for unit, mode := range p.Proof {
		if s.Verb == "precopy" && p.Ahead || s.Verb == "backup" && mode == ProveAlways {
			n += in.Facts.Databases[unit]
		}
	}
	return n
}

// scratchNeeds adds up, by folder, what scratch databases need at one time.
func scratchNeeds(p *Plan, in Input) map[string]int64 {
	most := map[string]int64{}
	for _, s := range p.Steps {
		here := map[string]int64{}
		if s.Verb == "rehearse" { // one after the other
			var r RehearseParams
			_ = json.Unmarshal(s.Params, &r) // Compile wrote them
			for _, d := range r.Databases {
				f := in.Facts.Scratch[d.Component]
				here[f.Dir] = max(here[f.Dir], f.Bytes)
			}
		}
		for unit := range backupOf(s).Proof {
			if f := in.Facts.Scratch[unit]; f.Dir != "" {
				here[f.Dir] += f.Bytes
			}
		}
		for dir, n := range here {
			most[dir] = max(most[dir], n)
		}
	}
	return most
}

func per(n, rate int64) time.Duration {
	return time.Duration(float64(n) / float64(rate) * float64(time.Second))
}

// backupOf gives the parameters of a step that makes a restore point.
func backupOf(s Step) (p BackupParams) {
	if slices.Contains([]string{"precopy", "backup"}, s.Verb) && len(s.Params) > 0 {
		_ = json.Unmarshal(s.Params, &p) // Compile wrote them
	}
	return p
}
