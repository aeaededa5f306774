package manage

import (
	"context"
	"errors"
)

// Singles are the components whose instances can be upgraded by themselves, as the
// product's document says; none where it is not known.
func (in *Installation) Singles(ctx context.Context) (map[string]bool, error) {
	p, err := in.product(ctx, "")
	if errors.Is(err, errNoProduct) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for id, c := range p.Components {
		out[id] = c.Independent
	}
	return out, nil
}
