package show

import (
	"fmt"
	"strings"

	"upkeep/internal/manage"
)

// SignedBundle says who has signed a bundle, and for what.
func SignedBundle(s manage.SignedBundle, width Paper) string {
	var b strings.Builder
	b.WriteString(heading(one(fmt.Sprintf("%s %s, bundle %.12s", s.Product, s.Version, s.Digest))))
	signed := false
	for _, x := range s.Signatures {
		switch {
		case x.Error != "":
			b.WriteString(wrap(one(x.File+" does not count: "+x.Error), yellow.Render("!")+" ", "  ", width))
			continue
		case x.New:
			b.WriteString(wrap(one(fmt.Sprintf("signed now by the key %s, to be pushed by %s", x.Key, strings.Join(x.Triggers, ", "))), green.Render("✓")+" ", "  ", width))
		default:
			b.WriteString(wrap(one(fmt.Sprintf("signed by the key %s, to be pushed by %s", x.Key, strings.Join(x.Triggers, ", "))), "  ", "  ", width))
		}
		signed = true
	}
	if !signed {
		b.WriteString(wrap("nobody has signed it for a push", "  ", "  ", width))
	}
	return b.String()
}
