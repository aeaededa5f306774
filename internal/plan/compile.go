package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"upkeep/internal/document"
	"upkeep/internal/manifest"
)

// Compile makes the plan, or refuses: the error is then a *Refusal whose
// reasons a person can act on. Any other error is a fault of a document that
// lint would have shown.
func Compile(in Input) (*Plan, error) {
	if len(in.Hops) == 0 {
		return nil, errors.New("cannot make a plan without a hop: the installed version is the wanted one")
	}
	b := newBuilder(in)
	b.header()
	b.losses()
	b.refuseLater()
	b.refuseStopped()
	b.prepare()
	b.stage()
	b.prepared()
	b.open()
	for i := range in.Hops {
		b.hop(i)
	}
	last := len(in.Hops) - 1
	b.finish(last, "")
	b.endless()
	b.unopened()
	b.landings()
	b.backSteps()
	b.retryFrom()
	b.refuseUnsafe()
	b.refuseUnreviewed()
	b.proveDumps()
	b.rehearse()
	p, err := b.seal()
	if err != nil {
		return nil, err
	}
	b.keeper()
	b.refuseShort()
	if len(b.reasons) > 0 {
		return nil, &Refusal{Reasons: dedupe(b.reasons), Checks: b.failed, People: b.plan.People, Reviews: b.plan.Reviews, Scripts: b.scripts, Customised: b.customised()}
	}
	if err := Validate(p); err != nil {
		return nil, err
	}
	p.Digest = p.Sum()
	return p, nil
}

func dedupe(list []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// draft is a step whose parameters are not yet marshalled.
type draft struct {
	Step
	params any
	from   string // of a document: where it is retried from
}

// builder collects the steps. It reports what is wrong in reasons and goes
// on, so that the administrator sees everything at once.
type builder struct {
	in       Input
	res      *Resolver // of the document in force: the installed release's until install, then the hop's
	plan     *Plan
	drafts   []*draft
	land     [][]*draft // by milestone
	into     *[]*draft  // where add puts steps
	prefix   string     // of ids
	suffix   string     // of ids: the unit that steps are about, where each has its own
	n        int        // hop in the making, from 1; 0 for what frames the hops
	reasons  []string
	failed   []string  // of these, those that are failing checks
	scripts  []string  // of these, those that the review of scripts settles
	entered  []entered // access modes that a step of the plan entered, outermost first
	held     []heldStep
	lasts    []lastingHold // holds that outlive the run
	recorded []recorded
	only     int // milestone before which the undo of what is being added does not matter
	landing  bool
	marks    []mark // by milestone
	copied   bool   // the data's restore point stands before here
	guarded  string // the step that keeps packages from starting services

	proofs      []CheckItem // of what people do before the run
	corrections []Step      // that take it back
	again       []again     // settings that people compare and set again
}

// entered is an access mode that a step of the plan has entered.
type entered struct {
	step   string
	params *AccessParams
}

// mark is what stands at a milestone.
type mark struct {
	held    []heldStep
	entered []entered
	lasts   []lastingHold
}

// recorded is a step that recorded settings.
type recorded struct {
	step   string
	params *RecordParams
	since  int // hop from which on they are applied again; 0: from the first
}

// again is a setting that a person compares and sets again.
type again struct {
	Step
	setting string
	since   int
}

// heldStep is a hold that a later step releases.
type heldStep struct {
	step   string
	until  string
	params *HoldParams
	node   string
	pos    document.Pos
	task   *Task // of a person, where she holds it
	back   *Task // and sets it back
}

func newBuilder(in Input) *builder {
	b := &builder{in: in, plan: &Plan{Format: 1, Installation: in.Site.ID, Product: in.Installed.ID, Trigger: in.Trigger,
		From: in.From, To: in.Hops[len(in.Hops)-1].Release.Version, Nodes: []string{in.Facts.Node}, Account: in.Facts.Account, OnFailure: in.OnFailure}}
	if b.plan.OnFailure == "" {
		b.plan.OnFailure = "origin"
	}
	b.into = &b.drafts
	b.use(in.Installed)
	return b
}

// use puts a product document in force.
func (b *builder) use(p *manifest.Product) {
	var err error
	b.res, err = NewResolver(p, b.in.Site, b.in.Facts)
	b.check(err)
}

// check notes an error as a reason.
func (b *builder) check(err error) bool {
	if err != nil {
		b.reasons = append(b.reasons, err.Error())
	}
	return err == nil
}

func (b *builder) refuse(format string, a ...any) {
	b.reasons = append(b.reasons, fmt.Sprintf(format, a...))
}

func (b *builder) note(format string, a ...any) {
	b.plan.Notes = append(b.plan.Notes, fmt.Sprintf(format, a...))
}

// deadlines are generous: they end what hangs, they do not hurry what works.
func deadline(verb string) time.Duration {
	switch verb {
	case "stage", "precopy", "rehearse", "backup", "migrate", "return", "fetch":
		return 6 * time.Hour
	case "install", "clean-up", "drain", "packages", "reboot":
		return 30 * time.Minute
	case "run", "hooks":
		return 30 * time.Minute
	case "tell":
		return 2 * time.Hour
	case "stop", "start", "restart":
		return 5 * time.Minute
	case "verify":
		return 30 * time.Second // the services are ready by then; a wrong version stays wrong, and users wait
	}
	return 2 * time.Minute
}

// add appends a step. Its id gets the prefix of the hop, a number when it is
// taken, and a deadline; it follows the step before it.
func (b *builder) add(s Step, params any) *draft {
	s.Hop, s.Node, s.OnlyTo = b.n, b.in.Facts.Node, b.onlyTo(s)
	if b.suffix != "" && !strings.Contains(s.ID, b.suffix) {
		s.ID, s.Title = s.ID+"."+b.suffix, s.Title+" ("+b.suffix+")"
	}
	s.ID = b.free(b.prefix + s.ID)
	if s.Class == Reversible && b.after() {
		s.Class, s.Writes = Irreversible, false
	}
	if s.Deadline == 0 {
		s.Deadline = deadline(s.Verb)
	}
	for _, key := range []string{s.Verb, s.ID} {
		if d, ok := b.in.Site.Limits[key]; ok {
			s.Deadline = d
		}
	}
	if n := len(*b.into); n > 0 {
		s.After = []string{(*b.into)[n-1].ID}
	}
	s.Back = backTitle(s, params)
	if b.in.First {
		s.Back = firstBack(s, s.Back)
	}
	d := &draft{Step: s, params: params}
	*b.into = append(*b.into, d)
	return d
}

// onlyTo is the milestone before which the undo of a step of its verb does
// not matter: a way back to the origin need not start what it stops again, nor
// restore what the origin's restore point restores. Whatever else a release
// does between two hops is always taken back.
func (b *builder) onlyTo(s Step) int {
	if s.Restores || slices.Contains([]string{"stop", "start", "restart", "backup"}, s.Verb) {
		return b.only
	}
	return 0
}

func (b *builder) free(id string) string {
	taken := func(id string) bool {
		for _, list := range append([][]*draft{b.drafts}, b.land...) {
			if slices.ContainsFunc(list, func(d *draft) bool { return d.ID == id }) {
				return true
			}
		}
		return slices.ContainsFunc(*b.into, func(d *draft) bool { return d.ID == id })
	}
	if !taken(id) {
		return id
	}
	for n := 2; ; n++ {
		if next := fmt.Sprintf("%s-%d", id, n); !taken(next) {
			return next
		}
	}
}

// header fills in what changes: hops, instances, parameters.
func (b *builder) header() {
	in, p := b.in, b.plan
	for i, h := range in.Hops {
		from := in.From
		if i > 0 {
			from = in.Hops[i-1].Release.Version
		}
		p.Hops = append(p.Hops, Hop{From: from, To: h.Release.Version, Bundle: h.Bundle.Digest, Why: h.Why, Settings: h.settings()})
	}
	p.Vouch = in.Vouch
	p.Units, p.Notes = in.Units, slices.Concat(p.Notes, in.Facts.Remarks, in.Notes)
	p.Params = b.res.Scope.Public()
	if c := in.Hops[len(in.Hops)-1].Product.Chosen; c != nil {
		p.Choices, p.Added = c.Features, c.Added
	}
	if support, err := b.res.Scope.Expand(in.Hops[len(in.Hops)-1].Product.Support); b.check(err) {
		p.Support = support
	}
	for _, id := range slices.Sorted(maps.Keys(in.Site.Waivers)) {
		if w := in.Site.Waivers[id]; !w.Counts(in.Facts.Today) {
			b.note("the waiver of %s by %s ended on %s", id, w.By, w.Until)
		}
	}
	counting, remarks, refused := Waivers(in)
	p.Waivers, p.Notes, b.reasons = counting, append(p.Notes, remarks...), append(b.reasons, refused...)
	b.use(in.Hops[len(in.Hops)-1].Product)
	if entry, err := b.res.Entry(); err == nil {
		p.Entry = entry
	} else {
		p.Notes = append(p.Notes, err.Error())
	}
	for _, id := range b.res.Product.Order {
		b.instance(id, b.res.Product.Components[id])
	}
	b.gone()
	b.refuseStarts()
	b.refusePlaces()
	b.refuseAdded()
	b.use(in.Installed)
	if in.Assumed {
		b.note("the document of the installed release %s is not in the bundle: the product is stopped and backed up as %s describes it", in.From, in.Hops[0].Release.Version)
	}
}

func (b *builder) instance(id string, c manifest.Component) {
	at, ok := b.place(id, c)
	if !ok {
		return
	}
	f := b.in.Facts.Instances[id]
	in := Instance{Component: ComponentOf(id), Kind: c.Kind, At: at, Node: b.in.Facts.Node, From: f.Version}
	if f.New {
		in.Added = b.joins(id)
	}
	_, in.ID, _ = strings.Cut(id, "@")
	v := f.Version
	for i, h := range b.in.Hops {
		switch want := wantVersion(h, id, c.Kind); {
		case !b.selected(id) || i+1 < b.joins(id): // stays as it is
		case want != "":
			v = want
		case b.migrates(id, h):
			v = "" // the release does not say which version its migration leads to
		}
		in.Versions = append(in.Versions, v)
	}
	in.To = v
	b.plan.Instances = append(b.plan.Instances, in)
}

// migrates says whether a hop migrates the component of a unit.
func (b *builder) migrates(id string, h HopInput) bool {
	id = ComponentOf(id)
	var any func(steps []manifest.Step) bool
	any = func(steps []manifest.Step) bool {
		return slices.ContainsFunc(steps, func(s manifest.Step) bool {
			return s.Verb == "migrate" && slices.Contains(s.Args, id) && b.applies(s.When, h) || any(s.During)
		})
	}
	return slices.ContainsFunc(manifest.Phases(), func(ph manifest.Phase) bool { return any(h.Release.Procedure.Phases[ph].Steps) })
}

// place gives where a unit is; a database behind a secret has no place that may
// be shown.
func (b *builder) place(id string, c manifest.Component) (string, bool) {
	switch c.Kind {
	case "tree", "sqlite", "postgres", "mariadb":
	case "package", "installer", "command":
		return "", true
	case "":
		return "", false // a unit without a place of its own, such as a module
	default:
		b.check(&NotYetError{What: fmt.Sprintf("component %s of kind %s", id, c.Kind), Where: c.Pos})
		return "", false
	}
	if _, secret := b.res.Scope.Secret(c.At.Path); secret || onServer(c.Kind) {
		return "", true
	}
	at, err := b.res.Scope.Expand(c.At.Path)
	if err != nil {
		b.refuse("component %s: %v", id, err)
		return "", false
	}
	if !strings.HasPrefix(at, "/") {
		b.refuse("component %s lies at %q: give an absolute path", id, at)
		return "", false
	}
	return at, true
}

// onServer says of a kind that its data are a server's.
func onServer(kind string) bool { return kind == "postgres" || kind == "mariadb" }

// wantVersion is the version that a unit must read after a hop; empty when the
// release says nothing of it.
func wantVersion(h HopInput, unit, kind string) string {
	if v, ok := h.Release.Versions[unit]; ok {
		return v
	}
	if v, ok := h.Release.Versions[ComponentOf(unit)]; ok {
		return v
	}
	if _, ok := h.payload(unit); ok && (kind == "tree" || kind == "package" || kind == "installer") {
		return h.Release.Version
	}
	if tells(h.Release.Procedure.Phases[manifest.Install].Steps, "install", ComponentOf(unit)) {
		return h.Release.Version
	}
	return ""
}
