package ask

import "context"

// TokenPrefix stands before a machine's token where the socket carries who asks.
const TokenPrefix = "token:"

// AsToken asks as the machine that has the token.
func (c *Client) AsToken(token string) Asking { return asking{c, TokenPrefix + token} }

// Figures is the overview without the texts of people and products, for whoever
// counts. Without a token the engine side gives it only where it was told to.
func (c *Client) Figures(ctx context.Context, token string) (Overview, error) {
	if token != "" {
		token = TokenPrefix + token
	}
	return call[Overview](ctx, c, token, "figures", nil)
}

// Ready says whether the engine side answers.
func (c *Client) Ready(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, "", "ready", nil)
	return err
}

// About names the installation that a question is about. A token of one
// installation can ask no other question.
func (q Of) About() string { return q.Installation }

// About implements the same.
func (q RunsQuery) About() string { return q.Installation }

// About implements the same.
func (q RunQuery) About() string { return q.Installation }

// About implements the same.
func (q LogQuery) About() string { return q.Installation }

// About implements the same.
func (q WatchQuery) About() string { return q.Installation }

// About implements the same.
func (q PointQuery) About() string { return q.Installation }

// About implements the same.
func (q ReportQuery) About() string { return q.Installation }

// About implements the same.
func (e Errand) About() string { return e.Installation }

// About implements the same.
func (q Try) About() string { return q.Installation }

// About implements the same.
func (w Wish) About() string { return w.Installation }

// Only is what of an overview concerns one installation.
func (o Overview) Only(id string) Overview {
	all := o.Installations
	o.Installations = []Installation{}
	for _, i := range all {
		if i.ID == id {
			o.Installations = append(o.Installations, i)
		}
	}
	return o
}

// Figures takes out of an overview what people and products say.
func (o Overview) Figures() Overview {
	o.Installations = append([]Installation{}, o.Installations...)
	for n := range o.Installations {
		i := &o.Installations[n]
		i.Document = ""
		if i.Error != "" {
			i.Error = "it cannot be read"
		}
		if i.Published.Problem != "" {
			i.Published.Problem = "the look has failed"
		}
		if i.Points.Error != "" {
			i.Points.Error = "they cannot be read"
		}
		if i.Open != nil {
			i.Open = &Open{Going: i.Open.Going}
		}
		if i.Last != nil {
			last := *i.Last
			last.By = ""
			i.Last = &last
		}
		notices := i.Notices
		i.Notices = []Notice{}
		for _, x := range notices {
			i.Notices = append(i.Notices, Notice{Kind: x.Kind, At: x.At})
		}
	}
	return o
}
