package site

import (
	"strings"

	"upkeep/internal/document"
)

// HostName is the name of the document that says how this computer has Upkeep
// itself upgraded. It lies beside those of installations.
const HostName = "upkeep.yaml"

// Host is what the administrator says of Upkeep itself on one computer.
type Host struct {
	Pos  document.Pos `json:"-"`
	Self Self         `json:"self,omitzero"`
}

// Self says where releases of Upkeep come from.
type Self struct {
	Pos       document.Pos `json:"-"`
	From      string       `json:"from,omitempty"`      // absolute: a bundle, or a folder of bundles
	Feed      *Feed        `json:"feed,omitempty"`      // as that of an installation, without prefetch, install and between
	Automatic bool         `json:"automatic,omitempty"` // upgrade --yes upgrades Upkeep first
}

// DecodeHost reads the document. Every mistake is reported, as document.Errors
// sorted by place; then there is none.
func DecodeHost(src document.Source, nodes []*document.Node) (*Host, error) {
	d := decoder{document.NewDecoder(src)}
	var h *Host
	for _, n := range nodes {
		switch {
		case n.Kind == document.Null:
		case h != nil:
			d.Errorf(n.Pos, "", "a second document of this computer")
		default:
			h = d.host(n)
			d.NoSecrets(n)
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	if h == nil {
		h = &Host{}
	}
	return h, nil
}

func (d decoder) host(n *document.Node) *Host {
	m := d.Map(n, "the document of this computer")
	h := &Host{Pos: n.Pos}
	if s := m.Map("self"); s != nil {
		h.Self = Self{Pos: s.Pos(), From: d.text(s, "from"), Automatic: s.Bool("automatic")}
		feed := s.Map("feed")
		if feed != nil {
			f := d.feed(feed)
			h.Self.Feed = f
			switch {
			case f.Prefetch || f.Install != "" || f.Between != "":
				d.Errorf(f.Pos, "say automatic: true beside feed", "prefetch, install and between are for products")
			case len(f.URLs) == 0:
				d.Errorf(f.Pos, "say url: ADDRESS or FOLDER, or from: FOLDER instead of feed", "the feed of Upkeep has no address")
			}
		}
		switch self := h.Self; {
		case self.From != "" && feed != nil:
			d.Errorf(s.Pos(), "", "releases of Upkeep come from one place: from, or feed")
		case self.From == "" && feed == nil:
			d.Errorf(s.Pos(), "say from: FOLDER or feed: {url: ADDRESS, root: {file: PATH}}", "it does not say where releases of Upkeep come from")
		case self.From != "" && !strings.HasPrefix(self.From, "/"):
			d.Errorf(s.Get("from").Pos, "", "the folder of releases must be absolute, not %q", self.From)
		}
		s.Done()
	}
	m.Done()
	return h
}
