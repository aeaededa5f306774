package vendor

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/channel"
	"upkeep/internal/step"
)

// Promote drafts a release into the stable channel.
func (f *Feed) Promote(product, version string) error {
	return f.edit(product, version, func(_ *targetsFile, r *channel.Release) error {
		if r.Withdrawn != "" {
			return mistake("publish a new version", "it was withdrawn: "+r.Withdrawn)
		}
		r.Channel = channel.Stable
		return nil
	})
}

// Withdraw drafts that nobody should install a release any more. An empty
// reason takes that back.
func (f *Feed) Withdraw(product, version, why string) error {
	return f.edit(product, version, func(_ *targetsFile, r *channel.Release) error {
		r.Withdrawn = strings.TrimSpace(why)
		return nil
	})
}

// Block drafts that a release cannot be reached from some versions, which its
// own manifest allows. An empty reason takes that back.
func (f *Feed) Block(product, version, from, why string) error {
	return f.edit(product, version, func(t *targetsFile, r *channel.Release) error {
		order, err := f.publishedOrder(t, r.Documents)
		if err != nil {
			return err
		}
		if _, err := order.ParseRange(from); err != nil {
			return &step.UserError{Msg: fmt.Sprintf("%q is no range of the product's versions", from), Err: err, Now: "say for example \"< 2.0\""}
		}
		before := len(r.Blocked)
		r.Blocked = slices.DeleteFunc(r.Blocked, func(b channel.Block) bool { return b.From == from })
		switch {
		case strings.TrimSpace(why) != "":
			r.Blocked = append(r.Blocked, channel.Block{From: from, Reason: strings.TrimSpace(why)})
		case len(r.Blocked) == before:
			return mistake("", fmt.Sprintf("no way from %q is blocked", from))
		}
		return nil
	})
}

func (f *Feed) edit(product, version string, change func(*targetsFile, *channel.Release) error) error {
	s, t, x, err := f.product(product)
	if err != nil {
		return err
	}
	r := x.Find(version)
	if r == nil {
		var list []string
		for _, r := range x.Releases {
			list = append(list, r.Version)
		}
		return mistake("it has "+strings.Join(list, ", "), fmt.Sprintf("the feed has no release %s of %s", version, product))
	}
	if err := change(t, r); err != nil {
		return fmt.Errorf("cannot change %s %s: %w", product, version, err)
	}
	return f.draft(s, x, t, nil)
}

// Releases lists what the feed says of a product; drafts count.
func (f *Feed) Releases(product string) (*channel.Index, error) {
	_, _, x, err := f.product(product)
	return x, err
}
