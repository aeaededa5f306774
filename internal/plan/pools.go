package plan

import "slices"

// Pools resolves the services that are there for a component or for some of its
// units, in the order in which they start. One that is there for the whole product
// is none of them.
func (r *Resolver) Pools(component string) ([]Service, error) {
	units := r.UnitsOf(component)
	var out []Service
	for _, s := range r.Product.Services {
		if !slices.ContainsFunc(r.serves(s), func(u string) bool { return slices.Contains(units, u) }) {
			continue
		}
		one, err := r.Service(s)
		if err != nil {
			return nil, err
		}
		out = append(out, *one)
	}
	return out, nil
}
