package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/route"
	"upkeep/internal/survey"
	"upkeep/internal/version"
)

// learn has every product document that lists versions take over the longest
// list at hand that says the same and more: a fix that came out later stands in
// no earlier document.
func learn(releases []Release) {
	var longest []string
	for _, r := range releases {
		if list := r.Product.Versions.List; len(list) > len(longest) {
			longest = list
		}
	}
	for _, r := range releases {
		if list := r.Product.Versions.List; len(list) > 0 && within(list, longest) {
			r.Product.Versions.List = longest
		}
	}
}

// within says whether a list is part of a longer one, in the same order.
func within(list, longer []string) bool {
	i := 0
	for _, v := range longer {
		if i < len(list) && list[i] == v {
			i++
		}
	}
	return i == len(list)
}

// choose picks the wanted release: the one that is named, or the latest that is
// not withdrawn. passed says which later ones are.
func choose(releases []Release, to string) (target Release, passed []string, err error) {
	order, err := plan.OrderOf(releases[0].Product)
	if err != nil {
		return Release{}, nil, err
	}
	if to == "" {
		return latest(order, releases)
	}
	var have []string
	for _, r := range releases {
		if c, err := order.Compare(r.Release.Version, to); err == nil && c == 0 {
			if r.Release.Withdrawn != "" {
				return Release{}, nil, &route.WithdrawnError{Version: r.Release.Version, Reason: r.Release.Withdrawn}
			}
			return r, nil, nil
		}
		have = append(have, r.Release.Version)
	}
	return Release{}, nil, fmt.Errorf("release %s is not at hand: there are %v", to, have)
}

// newest gives the newest of the releases, withdrawn or not: of one that is
// installed, its document counts as before.
func newest(releases []Release) (Release, error) {
	order, err := plan.OrderOf(releases[0].Product)
	if err != nil {
		return Release{}, err
	}
	best := releases[0]
	for _, r := range releases[1:] {
		c, err := order.Compare(r.Release.Version, best.Release.Version)
		if err != nil {
			return Release{}, err
		}
		if c > 0 {
			best = r
		}
	}
	return best, nil
}

// latest gives the newest of the releases that is not withdrawn.
func latest(order version.Order, rs []Release) (best Release, passed []string, err error) {
	var gone []Release
	for _, r := range rs {
		if r.Release.Withdrawn != "" {
			gone = append(gone, r)
			continue
		}
		if best.Release == nil {
			best = r
			continue
		}
		c, err := order.Compare(r.Release.Version, best.Release.Version)
		if err != nil {
			return Release{}, nil, err
		}
		if c > 0 {
			best = r
		}
	}
	for _, r := range gone {
		text := fmt.Sprintf("%s is withdrawn: %s", r.Release.Version, r.Release.Withdrawn)
		if best.Release == nil {
			passed = append(passed, text)
			continue
		}
		c, err := order.Compare(r.Release.Version, best.Release.Version)
		switch {
		case err != nil:
			return Release{}, nil, err
		case c == 0: // another document of the same version
			return Release{}, nil, &route.WithdrawnError{Version: r.Release.Version, Reason: r.Release.Withdrawn}
		case c > 0:
			passed = append(passed, text+"; "+best.Release.Version+" is the latest that is not")
		}
	}
	if best.Release == nil {
		return best, nil, fmt.Errorf("there is no release to go to: %s; wait for one that mends this", strings.Join(passed, "; "))
	}
	return best, passed, nil
}

// hop is a hop with the release at hand.
type hop struct {
	release Release
	why     string
	route   *manifest.Route
}

// hops finds the way to the target.
func (in *Installation) hops(ctx context.Context, s *survey.Surveyor, releases []Release, target Release, f plan.Facts, req Request, from string) ([]hop, []string, error) {
	order, err := plan.OrderOf(target.Product)
	if err != nil {
		return nil, nil, err
	}
	var docs []*manifest.Release
	for _, r := range releases {
		docs = append(docs, r.Release)
	}
	if kept, err := in.kept(ctx, from); err == nil && kept != nil && order.Valid(kept.Release.Version) == nil {
		docs = append(docs, kept.Release) // tells what the installed version is a fix of
	}
	w := route.Wish{From: from, To: target.Release.Version, Fixes: req.Fixes, Picks: req.Picks, Holds: in.conditions(ctx, s, releases, f, req)}
	way, err := route.Find(order, docs, w)
	if err != nil {
		return nil, nil, err
	}
	var out []hop
	for _, h := range way.Hops {
		for _, r := range releases {
			if r.Release == h.Release {
				out = append(out, hop{r, h.Why, h.Route})
			}
		}
	}
	return out, way.Notes, nil
}

// conditions reads beforehand what the conditions of blocked ways rest on, and
// gives what tells of each whether it holds.
func (in *Installation) conditions(ctx context.Context, s *survey.Surveyor, releases []Release, f plan.Facts, req Request) func(*manifest.Release, *manifest.When) (bool, error) {
	type verdict struct {
		holds bool
		err   error
	}
	told := map[*manifest.When]verdict{}
	for _, r := range releases {
		for i := range r.Release.Blocked {
			w := r.Release.Blocked[i].When
			if w == nil {
				continue
			}
			facts, err := s.Facts(ctx, r.Product, r.Release, in.Doc, f, *w)
			v := verdict{err: err}
			if err == nil {
				v.holds, v.err = plan.Holds(plan.Input{Site: in.Doc, Facts: facts, Trigger: req.Trigger}, r.Product, w)
			}
			told[w] = v
		}
	}
	return func(_ *manifest.Release, w *manifest.When) (bool, error) {
		v, ok := told[w]
		if !ok {
			return false, errors.New("its condition was not evaluated: report it as a fault of Upkeep")
		}
		return v.holds, v.err
	}
}
