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
	From      string       `json:"from,omitempty"` // absolute: a bundle, or a folder of bundles
	Feed      string       `json:"feed,omitempty"` // an address, or an absolute folder
	Root      string       `json:"root,omitempty"` // file with the feed's root of trust
	Channel   string       `json:"channel,omitempty"`
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
		h.Self = Self{Pos: s.Pos(), From: d.text(s, "from"), Feed: d.text(s, "feed"), Channel: s.OneOf("channel", "stable", "candidate"), Automatic: s.Bool("automatic")}
		if root := s.Map("root"); root != nil {
			root.Required("file")
			h.Self.Root = d.text(root, "file")
			root.Done()
		}
		self := h.Self
		switch {
		case self.From != "" && self.Feed != "":
			d.Errorf(s.Pos(), "", "releases of Upkeep come from one place: from, or feed")
		case self.From == "" && self.Feed == "":
			d.Errorf(s.Pos(), "say from: FOLDER or feed: ADDRESS", "it does not say where releases of Upkeep come from")
		case self.From != "" && !strings.HasPrefix(self.From, "/"):
			d.Errorf(s.Get("from").Pos, "", "the folder of releases must be absolute, not %q", self.From)
		case self.Feed != "" && self.Root == "":
			d.Errorf(s.Get("feed").Pos, "say root: {file: PATH}, as the publisher has given it to you by another way", "a feed is believed by its root of trust only")
		case self.From != "" && (self.Root != "" || self.Channel != ""):
			d.Errorf(s.Pos(), "", "root and channel belong to a feed")
		}
		s.Done()
	}
	m.Done()
	return h
}
