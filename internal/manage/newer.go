package manage

import (
	"fmt"

	"upkeep/internal/document"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// NeedsUpkeepError says that a release needs a newer Upkeep than this.
type NeedsUpkeepError struct{ manifest.Prerequisite }

func (e *NeedsUpkeepError) Error() string {
	return fmt.Sprintf("release %s of %s needs Upkeep %s or later, and this is %s: upgrade Upkeep first: upkeep self-upgrade", e.Release, e.Product, e.Upkeep, Version())
}

// needsUpkeep refuses documents that are for a newer Upkeep, before anything
// else of them is read.
func needsUpkeep(nodes []*document.Node) error {
	need := manifest.PrerequisiteOf(nodes)
	if need.Upkeep == "" {
		return nil
	}
	if c, err := manifest.Upkeeps().Compare(Version(), need.Upkeep); err != nil || c >= 0 {
		return nil // what is no version is said where the document is decoded
	}
	return &NeedsUpkeepError{need}
}

// choose takes the release that is wanted. One that needs a newer Upkeep is
// never passed over for an older one.
func (in *Installation) choose(releases []Release, to string) (Release, []string, error) {
	target, passed, err := choose(releases, to)
	for _, late := range in.tooNew {
		if to == late.Release || to == "" && late.Withdrawn == "" && err == nil && late.after(target) {
			return Release{}, nil, late
		}
	}
	return target, passed, err
}

// after says whether the release is newer than another; one whose place is not
// known is: lists of versions grow.
func (e *NeedsUpkeepError) after(other Release) bool {
	order, err := plan.OrderOf(other.Product)
	if err != nil {
		return true
	}
	c, err := order.Compare(e.Release, other.Release.Version)
	return err != nil || c > 0
}
