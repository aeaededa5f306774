package site_test

import (
	"strings"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/site"
)

func decodeHost(text string) (*site.Host, error) {
	nodes, err := yaml.Parse("upkeep.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return site.DecodeHost(document.Source{Name: "upkeep.yaml", Text: []byte(text)}, nodes)
}

func TestHost(t *testing.T) {
	h, err := decodeHost("self:\n  feed:\n    url: https://releases.example.org/feed\n    root: {file: /etc/upkeep/root.json}\n    channel: candidate\n  automatic: true\n")
	if err != nil || h.Self.Feed == nil || h.Self.Feed.URLs[0] != "https://releases.example.org/feed" || h.Self.Feed.Root != "/etc/upkeep/root.json" || h.Self.Feed.Channel != "candidate" || !h.Self.Automatic {
		t.Errorf("%+v, %v", h, err)
	}
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"self: {from: /mnt/usb}", ""},
		{"self: {from: usb}", "must be absolute"},
		{"self: {from: /mnt/usb, feed: {url: /mnt/feed, root: {file: /r}}}", "one place"},
		{"self: {automatic: true}", "where releases of Upkeep come from"},
		{"self: {feed: {url: /mnt/feed}}", "root"},
		{"self: {feed: {root: {file: /r}}}", "has no address"},
		{"self: {feed: {url: /mnt/feed, root: {file: /r}, prefetch: true}}", "are for products"},
		{"self: {feed: {url: /mnt/feed, root: {file: /r}, channel: beta}}", "beta"},
		{"self: {form: /mnt/usb}", "from"},
		{"installation: {id: a, product: b}", "installation"},
		{"self: {from: /a}\n---\nself: {from: /a}", "second"},
	} {
		_, err := decodeHost(tt.text)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(document.Pretty(err), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzDecodeHost(f *testing.F) {
	f.Add("self: {from: /mnt/usb, automatic: true}")
	f.Fuzz(func(t *testing.T, text string) { _, _ = decodeHost(text) })
}
