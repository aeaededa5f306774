package plan

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"time"
)

// Forecast is what a plan will take: an estimate, no part of the digest.
type Forecast struct {
	Total  time.Duration            `json:"total"`
	Outage time.Duration            `json:"outage"` // as users see it
	Steps  map[string]time.Duration `json:"steps"`
	Known  int                      `json:"known"` // steps whose estimate is from past runs
	Space  []Need                   `json:"space"`
	Alone  bool                     `json:"alone,omitempty"` // a run that was interrupted goes on by itself, also after a power cut
	// Reserve is what the run sets aside for the way back on a full disk, in bytes.
	Reserve int64 `json:"reserve"`
	// Goes names restore points that the run removes at its end, as things are now.
	Goes []string `json:"goes,omitempty"`
	// Seen is when the feed that vouches for the releases was looked at last;
	// Fetch how many bytes of payloads are still to be fetched before the run opens.
	Seen  time.Time `json:"seen,omitzero"`
	Fetch int64     `json:"fetch,omitempty"`
}

// Need is what a plan needs on one volume.
type Need struct {
	Volume string   `json:"volume"`
	Places []string `json:"places"`
	Bytes  int64    `json:"bytes"`
	Free   int64    `json:"free"`
}

// Short says that the volume has too little room.
func (n Need) Short() bool { return n.Bytes > n.Free }

// Reserve is the least that Upkeep keeps free for its own journal and for the
// way back on a full disk, in bytes.
const Reserve = 32 << 20

// serverReserve is what a database server writes beside a database while it is
// put back, in bytes: two segments of PostgreSQL's write-ahead log, one of them
// when it recovers from a disk that was full.
const serverReserve = 32 << 20

// unpacked is about how many times larger the files of packages are than the
// packages.
const unpacked = 3

// Slack is what the run itself writes beside the reserve: journal, memos and
// log, in bytes.
const Slack = 16 << 20

// rates of a plain computer, in bytes a second; past runs are better
const (
	copyRate  = 150 << 20
	dumpRate  = 40 << 20
	proofRate = 20 << 20 // loading a dump, and reading what was loaded
	readRate  = 400 << 20
	startTime = time.Second
)

// Estimate forecasts a plan from the facts that it was made of.
func Estimate(p *Plan, in Input) Forecast {
	f := Forecast{Steps: map[string]time.Duration{}, Alone: in.Facts.Boot == ""}
	down := false
	for _, s := range p.Steps {
		d, known := in.Facts.History[s.ID]
		if !known {
			d = guess(s, in)
			if s.Verb == "start" && s.Hop > 0 && len(atStart(in.Hops[s.Hop-1])) > 0 && firstStart(p, s) {
				s.Verb = "migrate"
				d += guess(s, in)
			}
		} else {
			f.Known++
		}
		f.Steps[s.ID] = d
		f.Total += d
		down = down || s.Down
		if down {
			f.Outage += d
		}
		if s.Up {
			down = false
		}
	}
	f.Space, f.Reserve = space(p, in), reserve(p, in)
	return f
}

func guess(s Step, in Input) time.Duration {
	bytes := func() (n int64) {
		for _, i := range in.Facts.Instances {
			n += i.Bytes
		}
		return n
	}
	dumps := func() (n int64) {
		for _, b := range in.Facts.Databases {
			n += b
		}
		return n
	}
	switch s.Verb {
	case "stage":
		for _, pay := range in.Hops[max(0, s.Hop-1)].Bundle.Payloads {
			return 100*time.Millisecond + per(pay.Bytes, copyRate)
		}
	case "precopy":
		return 100*time.Millisecond + per(bytes(), copyRate) + per(proven(s, in), proofRate)
	case "rehearse":
		return 100*time.Millisecond + rehearsal(s, in)
	case "backup":
		return 300*time.Millisecond + per(dumps(), dumpRate) + per(bytes(), readRate) + per(proven(s, in), proofRate)
	case "merge":
		return 200*time.Millisecond + per(bytesOf(in, s.Hop), copyRate)
	case "stop", "start", "restart":
		return startTime
	case "migrate":
		return time.Second + per(dumps(), dumpRate)
	case "run", "hooks":
		return 2 * time.Second
	case "drain":
		return 5 * time.Second
	case "tell":
		if s.Task != nil {
			return 10 * time.Minute // of a person, who has to come and look first
		}
	case "verify", "check", "prove":
		return 200 * time.Millisecond
	}
	return 50 * time.Millisecond
}

// bytesOf are those of a hop's payloads.
func bytesOf(in Input, hop int) (n int64) {
	for _, pay := range in.Hops[max(0, hop-1)].Bundle.Payloads {
		n += pay.Bytes
	}
	return n
}

// What a file takes on a disk at most beside its content, what it takes in a
// restore point, and what every restore point takes for its own record.
const (
	blockSize = 4 << 10
	entrySize = 2560
	pointSize = 1 << 20
)

// space adds up what every volume must hold at the worst moment: needs on one
// volume add up, wherever on it they lie.
func space(p *Plan, in Input) []Need {
	needs := map[string]*Need{}
	add := func(place string, bytes int64) {
		v, ok := in.Facts.Volumes[place]
		if !ok || bytes == 0 {
			return
		}
		n := needs[v.ID]
		if n == nil {
			n = &Need{Volume: v.ID, Free: v.Free}
			needs[v.ID] = n
		}
		n.Bytes += bytes
		if !slices.Contains(n.Places, place) {
			n.Places = append(n.Places, place)
		}
	}
	for _, i := range p.Instances {
		if in.Units != nil && !slices.Contains(in.Units, i.Unit()) {
			continue
		}
		for n, h := range in.Hops {
			if pay, ok := h.Bundle.Payloads[i.Component]; ok && n+1 >= i.Added {
				add(path.Dir(i.At), pay.Bytes+int64(pay.Files)*blockSize)
			}
		}
	}
	for _, s := range p.Steps {
		if s.Verb != "backup" {
			continue
		}
		for _, i := range p.Instances {
			if in.Units != nil && !slices.Contains(in.Units, i.Unit()) {
				continue
			}
			f := in.Facts.Instances[i.Unit()]
			if f.New && s.Hop > i.Added { // the hop before has brought it
				pay, _ := in.Hops[s.Hop-2].payload(i.Unit())
				f.Bytes, f.Files = pay.Bytes, pay.Files
			}
			add(pointPlace(in), max(0, f.Bytes-in.Facts.Keeper.Kept[i.Unit()])+int64(f.Files)*entrySize)
		}
		add(pointPlace(in), pointSize)
		for _, b := range in.Facts.Databases {
			add(pointPlace(in), b)
		}
	}
	for dir, n := range scratchNeeds(p, in) {
		add(dir, n)
	}
	// the run keeps its own copy of every bundle
	own := reserve(p, in) + Slack
	for _, h := range in.Hops {
		own += h.Bundle.Bytes
	}
	add(in.Facts.State, own)
	var out []Need
	for _, n := range needs {
		slices.Sort(n.Places)
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b Need) int { return cmp.Compare(a.Volume, b.Volume) })
	return out
}

// reserve is what the way back writes before it removes anything: the files
// that packages have changed are unpacked beside those there, and a database is
// written once more. Components that are swapped need nothing, their old tree
// is still there.
func reserve(p *Plan, in Input) int64 {
	n := int64(Reserve)
	packages := false
	for _, i := range p.Instances {
		if in.Units != nil && !slices.Contains(in.Units, i.Unit()) {
			continue
		}
		packages = packages || i.Kind == "package"
		n += in.Facts.Databases[i.Unit()]
		if onServer(i.Kind) {
			n += serverReserve
		}
	}
	for _, h := range in.Hops {
		if packages {
			n += unpacked * h.Bundle.Bytes
		}
	}
	return n
}

// refuseShort refuses a plan that would fill a disk.
func (b *builder) refuseShort() {
	for _, n := range space(b.plan, b.in) {
		if n.Short() {
			b.refuse("too little room: the upgrade needs %s on the volume of %s, where %s are free; free %s, or keep restore points elsewhere (backup: {dir: …} in the installation document)",
				Size(n.Bytes), n.Places[0], Size(n.Free), Size(n.Bytes-n.Free))
		}
	}
}

// Size writes bytes for people: with the unit of 2^10 that fits, and exactly
// where that is short.
func Size(n int64) string {
	const units = "KMGT"
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, u := float64(n)/1024, 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return fmt.Sprintf("%.1f %ciB", v, units[u])
}
