package ask

import "context"

// LinkQuery asks for a one-time link. It is answered on a socket of the hub's own
// account, where commands ask; on the page's socket nobody knows it.
type LinkQuery struct {
	By string `json:"by"` // whose link it is to be
}

// NewLink is a one-time link that was made just now.
type NewLink struct {
	Link string `json:"link"` // secret until it is used
}

// Link has the hub make a link for somebody.
func (c *Client) Link(ctx context.Context, by string) (NewLink, error) {
	return call[NewLink](ctx, c, "", "link", LinkQuery{by})
}
