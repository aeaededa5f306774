package manage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"upkeep/internal/database"
	"upkeep/internal/document"
	"upkeep/internal/drift"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/route"
	"upkeep/internal/scratch"
	"upkeep/internal/site"
	"upkeep/internal/survey"
)

// Request says what upgrade is wanted.
type Request struct {
	From      string   // folder or file of bundles
	To        string   // version; empty: the latest at hand
	OnFailure string   // origin, stay; empty: as the installation says
	Only      []string // components, or instances as COMPONENT@INSTANCE; empty: the whole product
	Waivers   map[string]string
	Trigger   string
	Unsigned  string            // why a bundle is installed that nobody vouches for
	Choose    []string          // features, beside those that are installed
	File      *site.Answers     // what an answers file says, where nothing else does
	Params    Answers           // parameters that are asked at every upgrade, to be changed
	Fixes     string            // all-latest, pick; empty: what the vendor offers first
	Picks     []string          // fixes that are passed beside what is required
	Prove     bool              // compare in full on the way back
	Rehearse  string            // data: try the migrations on a copy first; empty: as the installation says
	Answers   map[string]string // question's id to what a person answers; kept with By
	By        string            // who gives them
	Outside   string            // why it begins whatever the windows say
	// Tool has the product's own tool upgraded where its vendor wants that first,
	// and is called at most once; nil: it is left as it is.
	Tool  func(context.Context, *OwnTool) error
	later map[string]string // of Answers, those to what is found only when files are merged
}

// Prepared is a plan with what it was made of.
type Prepared struct {
	Plan      *plan.Plan // nil when UpToDate
	Input     plan.Input
	Forecast  plan.Forecast
	Releases  []Release // the hops' own, in order
	UpToDate  bool
	Notes     []string // where nothing is to be done: what is left alone, and why
	Outside   []string // versions that were changed outside of Upkeep
	Installed string   // version
	To        string

	temp    *scratch.Dir // where archives were unpacked to be read
	was     *Release     // the installed one, where it is at hand
	anyTime bool         // it begins whatever the windows say
}

// Close removes what reading the releases needed.
func (p *Prepared) Close() {
	if p != nil {
		_ = p.temp.Close() // the next one removes it, otherwise
	}
}

// Prepare makes the plan, or refuses with a *plan.Refusal. It changes
// nothing.
func (in *Installation) Prepare(ctx context.Context, req Request) (*Prepared, error) {
	p, err := in.survey(ctx, req)
	if errors.Is(err, errToolUpgraded) {
		p.Close()
		req.Tool = nil
		p, err = in.survey(ctx, req)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// survey prepares; on a refusal it gives what was found all the same.
func (in *Installation) survey(ctx context.Context, req Request) (*Prepared, error) {
	p, err := in.unpacking()
	if err != nil {
		return nil, err
	}
	return p, p.needsPayload(in.prepare(ctx, req, p))
}

// unpacking has a folder in which archives are unpacked to be read.
func (in *Installation) unpacking() (*Prepared, error) {
	temp, err := scratch.New(in.FS, "", "plan")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
	}
	return &Prepared{temp: temp}, nil
}

// prepareOf prepares of what is offered.
func (in *Installation) prepareOf(ctx context.Context, req Request, p *Prepared, o *offer) error {
	releases, err := in.accepted(req.Trigger, o.releases)
	if err != nil {
		return err
	}
	o.releases, in.atHand = releases, releases
	target, passed, err := in.choose(releases, req.To)
	if err != nil {
		return err
	}
	passed = append(o.passed, passed...)
	if err := in.fits(target.Product); err != nil {
		return err
	}
	if err := req.answered(target.Product, target.Release); err != nil {
		return err
	}
	if err := req.answeredParams(ctx, in, target.Product); err != nil {
		return err
	}
	if err := in.answer(ctx, releases, &req); err != nil {
		return err
	}
	if looked := in.nothing(target.Product); len(looked) > 0 {
		return &AbsentError{&RefusedError{What: "nothing is installed here", Reasons: append(looked, "upkeep install installs it; where it lies somewhere else, correct the installation document "+in.Path)}}
	}
	if target.Product, err = in.narrow(ctx, target.Product, target.Release.Version, in.Doc.Choices, req.Choose); err != nil {
		return err
	}
	s := in.surveyor()
	if s.Said, err = in.words(ctx); err != nil {
		return err
	}
	s.Optional = optional(target.Product)
	facts, err := s.Basics(ctx, target.Product, in.Doc)
	if err != nil {
		return err
	}
	if err := plan.Entitled(target.Product, req.Trigger, facts.Values); err != nil {
		return err
	}
	p.To = target.Release.Version
	sel, err := in.selection(ctx, s, target, facts, req.Only)
	if err != nil {
		return err
	}
	if p.Outside, err = in.outside(ctx, facts); err != nil {
		return err
	}
	sel.Notes = append(slices.Clone(p.Outside), sel.Notes...)
	p.Installed = sel.From
	tool, err := in.ownTool(s, target, facts)
	if err != nil {
		return err
	}
	if tool != nil && p.Installed != p.To {
		if req.Tool != nil {
			return cmp.Or(req.Tool(ctx, tool), errToolUpgraded)
		}
		sel.Notes = append(sel.Notes, tool.note())
	}
	if o.fetched {
		kept, err := in.kept(ctx, p.Installed)
		if err != nil {
			return err
		}
		if err := in.along(ctx, o, target, p.Installed, kept == nil); err != nil {
			return err
		}
		if releases, err = in.accepted(req.Trigger, o.releases); err != nil {
			return err
		}
		in.atHand = releases
	}
	for _, r := range releases {
		if r.Release.Version == p.Installed {
			p.was = &r
		}
	}
	sel.Notes = append(sel.Notes, passed...)
	hops, notes, err := in.hops(ctx, s, releases, target, facts, req, p.Installed)
	if err != nil && len(passed) > 0 {
		err = fmt.Errorf("%w; %s", err, strings.Join(passed, "; "))
	}
	if err != nil {
		return err
	}
	sel.Notes = append(sel.Notes, notes...)
	if len(hops) == 0 {
		if hops, err = in.added(ctx, s, target, facts, req, p.Installed); err != nil {
			return err
		}
	}
	if len(hops) == 0 {
		p.UpToDate, p.Notes = true, append(sel.Notes, unlike(target, facts, p.Installed)...)
		return nil
	}
	vouch, err := signedPush(hops, req)
	if vouch == nil && err == nil {
		vouch, err = o.stands(hops, req)
	}
	if err != nil {
		return err
	}
	if vouch != nil && vouch.Unsigned != "" {
		sel.Notes = append(sel.Notes, "nobody vouches for the bundle: "+vouch.Unsigned)
	}
	sel.Notes = append(sel.Notes, p.whenever(req)...)
	input, err := in.input(ctx, s, req, p, target, sel, hops, facts)
	if err != nil {
		return err
	}
	input.Vouch = vouch
	p.Input = input
	var claims []claim
	for _, product := range []*manifest.Product{p.Input.Installed, target.Product} { // what is there, and what comes new
		r, err := s.Resolver(product, in.Doc, p.Input.Facts)
		if err != nil {
			return err
		}
		for _, c := range in.productClaims(r) {
			if !slices.Contains(claims, c) {
				claims = append(claims, c)
			}
		}
	}
	if err := in.clashes(ctx, Folders(), claims); err != nil {
		return err
	}
	if p.Plan, err = plan.Compile(p.Input); err != nil {
		return err
	}
	p.Forecast = plan.Estimate(p.Plan, p.Input)
	if vouch != nil && vouch.Feed != "" {
		p.Forecast.Seen = o.vouch.Seen
	}
	p.Forecast.Fetch = p.missing()
	if p.Forecast.Goes, err = in.wouldGo(ctx, p.Plan); err != nil {
		return err
	}
	return in.clashes(ctx, Folders(), gateClaims(p.Plan))
}

// added gives the hop from the target to itself, where there is something to
// add: what a bundle brings to its own version, or features.
func (in *Installation) added(ctx context.Context, s *survey.Surveyor, target Release, facts plan.Facts, req Request, installed string) ([]hop, error) {
	version := target.Release.Version
	order, err := plan.OrderOf(target.Product)
	if err != nil {
		return nil, err
	}
	if addition(order, target, facts) {
		if err := notOlder(order, req.Trigger, target, facts); err != nil {
			return nil, err
		}
		w := route.Wish{From: installed, Holds: in.conditions(ctx, s, []Release{target}, facts, req)}
		if why, err := route.Barred(order, target.Release, w); err != nil || why != "" {
			return nil, cmp.Or(err, errors.New("nothing is added to "+version+": "+why))
		}
		return []hop{{release: target, why: "what is added to " + version}}, nil
	}
	if c := target.Product.Chosen; c != nil && len(c.Added) > 0 {
		return []hop{{release: target, why: "features are added to " + version}}, nil
	}
	return nil, nil
}

// input surveys what the plan of these hops rests on.
func (in *Installation) input(ctx context.Context, s *survey.Surveyor, req Request, p *Prepared, target Release, sel plan.Selection, hops []hop, facts plan.Facts) (plan.Input, error) {
	input := plan.Input{Site: in.Doc, From: p.Installed, Units: sel.Units, Notes: sel.Notes, Trigger: req.Trigger, OnFailure: req.OnFailure, Waivers: req.Waivers}
	if input.OnFailure == "" {
		input.OnFailure = in.Doc.OnFailure
	}
	if err := in.changeDocument(ctx, target.Product, req.Params, &input); err != nil {
		return input, err
	}
	input.Site = in.Doc
	var surveyed []survey.Hop
	var err error
	for i, h := range hops {
		r := h.release
		if r.Product, err = in.stationed(ctx, r, target, i+1 == len(hops)); err != nil {
			return input, err
		}
		b, err := planBundle(r)
		if err != nil {
			return input, err
		}
		input.Hops = append(input.Hops, plan.HopInput{Release: r.Release, Product: r.Product, Bundle: b, Why: h.why, Route: h.route})
		surveyed = append(surveyed, survey.Hop{Product: r.Product, Release: r.Release})
		p.Releases = append(p.Releases, r)
	}
	first := hops[0].release
	kept, err := in.kept(ctx, p.Installed)
	if err != nil {
		return input, err
	}
	if input.Installed, err = in.productOf(first.Bundle, p.Installed, kept); err != nil {
		return input, err
	}
	if input.Installed == nil {
		input.Installed, input.Assumed = first.Product, true
	}
	if input.Installed, err = in.before(ctx, input.Installed, p.Installed, target.Product); err != nil {
		return input, err
	}
	places := facts.Places
	s.Optional = optional(input.Installed)
	s.Installed = func(*manifest.Product, plan.Facts) (string, error) { return p.Installed, nil }
	if facts, err = s.Basics(ctx, input.Installed, in.Doc); err != nil {
		return input, err
	}
	input.Installed = here(input.Installed, facts)
	for _, h := range input.Hops {
		if err := s.Added(&facts, input.Installed, h.Product, in.Doc); err != nil {
			return input, err
		}
	}
	for id, at := range places { // of what is new in the release
		if _, known := input.Installed.Components[id]; !known {
			facts.Places[id] = at
		}
	}
	s.Units = sel.Units
	against := in.standards(p.Installed, cmp.Or(kept, p.was), first)
	s.Drift = func(ctx context.Context, unit string, c manifest.Component, db database.Database) *drift.Comparison {
		if !against.wanted(unit, c) && !demanded(input.Hops, unit) {
			return nil
		}
		found := against.compare(ctx, unit, c, db)
		return &found
	}
	s.Applied = func(ctx context.Context, unit string, _ manifest.Component, db database.Database) (map[string]string, error) {
		if !demanded(input.Hops, unit) {
			return nil, nil
		}
		return applied(ctx, db)
	}
	if err := s.Details(ctx, &facts, input.Installed, in.Doc, surveyed, in.shipped(first.Bundle, p.Installed, kept)); err != nil {
		return input, err
	}
	if was := cmp.Or(kept, p.was); was != nil && was.Release.Version == p.Installed {
		if err := s.Stricter(ctx, in.Doc, &facts, survey.Hop{Product: was.Product, Release: was.Release}, surveyed); err != nil {
			return input, err
		}
	}
	if err := in.packageFacts(ctx, &facts, input.Hops, p.Releases, p.temp.Path); err != nil {
		return input, err
	}
	if err := in.past(ctx, &facts); err != nil {
		return input, err
	}
	if err := in.rehearsed(&facts, input.Hops); err != nil {
		return input, err
	}
	in.scriptFacts(ctx, hops, &facts)
	input.Facts, input.Prove = facts, req.Prove
	input.Rehearse = cmp.Or(req.Rehearse, in.Doc.Rehearse) == "data"
	if input.Reviews, err = in.reviewFacts(input.Hops, p.Releases, facts); err != nil {
		return input, err
	}
	return input, in.merges(ctx, &input, p, cmp.Or(kept, p.was), req)
}

// selection decides what of the product is upgraded.
func (in *Installation) selection(ctx context.Context, s *survey.Surveyor, target Release, facts plan.Facts, only []string) (plan.Selection, error) {
	r, err := s.Resolver(target.Product, in.Doc, facts)
	if err != nil {
		return plan.Selection{}, err
	}
	sel, err := plan.Select(r, facts, only, target.Release)
	if err == nil && sel.From == "" {
		sel.From, err = installedVersion(target.Product, facts)
	}
	return sel, err
}

// fits refuses an installation document that says what the product does not
// know: a mistyped parameter must not be passed over in silence.
func (in *Installation) fits(p *manifest.Product) error {
	var reasons []string
	for _, f := range site.Lint(in.Doc, p) {
		if f.Level == manifest.LevelError {
			reasons = append(reasons, placed(f, document.Source{Name: in.Path, Text: in.text}).Pretty())
		}
	}
	if len(reasons) > 0 {
		return &plan.Refusal{Reasons: reasons}
	}
	return nil
}

// installedVersion is the version of the product: that of its first component
// which tells one.
func installedVersion(p *manifest.Product, f plan.Facts) (string, error) {
	for _, id := range p.Order {
		c := p.Components[id]
		if c.Version == nil || c.Data() || notThere(id, f) {
			continue
		}
		for _, unit := range slices.Sorted(maps.Keys(f.Instances)) {
			if plan.ComponentOf(unit) == id && f.Instances[unit].Version != "" {
				return f.Instances[unit].Version, nil
			}
		}
		return "", fmt.Errorf("the installed version of %s cannot be read: its probe (%s) gave nothing; is the product where the installation document says?", id, c.Version.Source)
	}
	return "", errors.New("no component of the product tells its version: the product document needs version: PROBE on one")
}

// Moved says that the world has moved since a plan was shown.
type Moved struct {
	Shown, Now string   // ids
	Changes    []string // what differs; empty when the shown plan is not at hand
}

func (e *Moved) Error() string {
	msg := fmt.Sprintf("the plan that was shown (%s) is not the plan that would be carried out now (%s)", e.Shown, e.Now)
	for _, c := range e.Changes {
		msg += "\n  - " + c
	}
	if len(e.Changes) == 0 {
		msg += "; look at the new plan with upkeep plan"
	}
	return msg
}

// SavePlan keeps a plan that was shown, so that a later --plan DIGEST can say
// what has moved since. It is kept with the account's caches, never with the
// product.
func SavePlan(p *plan.Plan) error {
	dir, err := plansDir()
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	fsys := realFiles()
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return fsys.WriteFile(filepath.Join(dir, p.Digest+".json"), raw, 0o600)
}

func plansDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "upkeep", "plans"), nil
}

// SameAs refuses a plan that is not the one that was shown: wanted is a digest
// (at least eight digits of it) or a plan's file.
func SameAs(p *plan.Plan, wanted string) error {
	shown, err := readPlan(wanted)
	if err != nil {
		return err
	}
	digest := wanted
	if shown != nil {
		digest = shown.Digest
		if digest != shown.Sum() {
			return fmt.Errorf("the plan in %s was changed: its digest does not fit its content; make it again with upkeep plan --format json", wanted)
		}
	}
	if !digits.MatchString(digest) {
		return fmt.Errorf("%q is neither a plan's file nor at least eight digits of its digest", wanted)
	}
	if strings.HasPrefix(p.Digest, digest) {
		return nil
	}
	e := &Moved{Shown: digest[:min(12, len(digest))], Now: p.ID()}
	if shown != nil {
		e.Changes = plan.Differences(shown, p)
	}
	return e
}

// digits are enough of a digest to name one plan.
var digits = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

// readPlan reads the plan's file, which may be what plan --format json wrote,
// or the kept plan of that digest; nil when there is none.
func readPlan(wanted string) (*plan.Plan, error) {
	candidates := []string{wanted}
	if dir, err := plansDir(); err == nil && digits.MatchString(wanted) {
		kept, _ := filepath.Glob(filepath.Join(dir, wanted+"*.json"))
		candidates = append(candidates, kept...)
	}
	for _, c := range candidates {
		raw, err := os.ReadFile(c)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the plan: %w", err)
		}
		var p struct {
			plan.Plan
			Shown *plan.Plan `json:"plan"`
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, fmt.Errorf("%s is not a plan: %w", c, err)
		}
		switch {
		case p.Shown != nil:
			return p.Shown, nil
		case p.Digest != "":
			return &p.Plan, nil
		}
		return nil, fmt.Errorf("%s is not a plan: it has no digest", c)
	}
	return nil, nil
}
