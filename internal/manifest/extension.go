package manifest

import "upkeep/internal/document"

// ExtensionFile is what the document of an extension is called.
const ExtensionFile = "feature.yaml"

// DecodeExtension reads the document of an extension. Every mistake is reported,
// as document.Errors.
func DecodeExtension(src document.Source, nodes []*document.Node) (*Extension, error) {
	d := decoder{document.NewDecoder(src)}
	e := &Extension{}
	if len(nodes) != 1 {
		d.Errorf(document.Pos{File: src.Name}, "it begins with feature: NAME", "an extension has one document, and here are %d", len(nodes))
		return nil, d.Err()
	}
	m := d.Map(nodes[0], "an extension")
	m.Required("feature", "components")
	e.Pos, e.ID, e.Title, e.Version = nodes[0].Pos, d.idKey(m, "feature", "a feature"), m.String("title"), m.String("version")
	e.Components, e.Order = named(d, m, "components", "a component", func(_ string, n *document.Node) Component {
		c := d.Map(n, "a component")
		out := Component{Pos: n.Pos, Depends: c.Strings("depends"), Conflicts: c.Strings("conflicts")}
		c.Done()
		for _, text := range append(append([]string{}, out.Depends...), out.Conflicts...) {
			if _, err := ParseNeed(text); err != nil {
				d.Errorf(n.Pos, "write NAME, NAME >= VERSION, or several with && and ||", "%s", err)
			}
		}
		return out
	})
	m.Done()
	if err := d.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
