package plan

import (
	"fmt"
	"net/url"
	"strings"
)

// Entry gives the product's own address, for people to follow; empty when its
// document tells none. One that could not be followed safely is an error: it
// becomes a link on a page.
func (r *Resolver) Entry() (string, error) {
	text, err := r.Scope.Expand(r.Product.Entry)
	if err != nil {
		return "", fmt.Errorf("the product's own address is not linked: %w", err)
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", nil
	}
	if why := unlinked(text); why != "" {
		return "", fmt.Errorf("the product's own address is not linked: %s", why)
	}
	return text, nil
}

// unlinked says why an address is no link for people; it does not repeat what
// may be a password.
func unlinked(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return "it cannot be read as an address"
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("it begins with %q, not with http:// or https://", u.Scheme)
	case u.User != nil:
		return "it holds a name or a password"
	case u.Hostname() == "":
		return "it names no computer"
	}
	return ""
}
