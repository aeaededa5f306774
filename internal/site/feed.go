package site

import (
	"net/url"
	"path"
	"strings"

	"upkeep/internal/channel"
	"upkeep/internal/document"
	"upkeep/internal/window"
)

// Feed is where releases of the product come from, and what is believed of it.
type Feed struct {
	Pos document.Pos `json:"-"`
	// URLs are mirrors of one feed, in the order in which they are tried: addresses,
	// or absolute folders. Empty: releases come by files that people bring.
	URLs     []string `json:"urls,omitempty"`
	Root     string   `json:"root"`               // file of the feed's root, absolute or beside the document
	Channel  string   `json:"channel,omitempty"`  // stable (default), candidate
	Prefetch bool     `json:"prefetch,omitempty"` // payloads are fetched as soon as they are published
	Install  string   `json:"install,omitempty"`  // by-hand (default), automatic
	Between  string   `json:"between,omitempty"`  // HH:MM-HH:MM, local time: when automatic installs begin
	Rate     int64    `json:"rate,omitempty"`     // bytes a second of what is fetched; 0: no limit
	Proxy    string   `json:"proxy,omitempty"`    // address; empty: as the environment says
	CA       string   `json:"ca,omitempty"`       // file of the authorities that the server's certificate is checked by
}

// feed reads feed:.
func (d decoder) feed(m *document.MapDecoder) *Feed {
	f := &Feed{Pos: m.Pos(), Channel: m.OneOf("channel", channel.Stable, channel.Candidate), Install: m.OneOf("install", "by-hand", "automatic"), Prefetch: m.Bool("prefetch")}
	m.Required("root")
	f.Root, f.CA = d.file(m, "root"), d.file(m, "ca")
	if n := m.Get("url"); n != nil {
		f.URLs = []string{d.feedURL(n, d.text(m, "url"))}
		if other := m.Get("urls"); other != nil {
			d.Errorf(other.Pos, "write all of them below urls:", "a feed has url or urls, not both")
		}
	}
	for _, n := range m.List("urls") {
		text := ""
		if n.Kind == document.Scalar {
			text = n.Value
		}
		f.URLs = append(f.URLs, d.feedURL(n, text))
	}
	if f.Between = m.String("between"); f.Between != "" {
		if _, err := window.ParseSpan(f.Between); err != nil {
			d.Errorf(m.Get("between").Pos, `write "02:00-05:00"`, `"between" must be two times of day, not %q`, f.Between)
		}
	}
	if f.Install != "automatic" && m.Get("between") != nil {
		d.Errorf(m.Get("between").Pos, "write install: automatic beside it, or remove it", `"between" is for automatic installs`)
	}
	if n := m.Get("rate"); n != nil {
		if text := m.Scalar("rate"); n.Kind == document.Scalar {
			f.Rate = d.rate(n, "rate", text)
		}
	}
	if f.Proxy = d.text(m, "proxy"); f.Proxy != "" {
		u, err := url.Parse(f.Proxy)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
			d.Errorf(m.Get("proxy").Pos, "write http://HOST:PORT", "the proxy has no address that can be used")
		case u.User != nil:
			d.Hide(m.Get("proxy"))
			d.Errorf(m.Get("proxy").Pos, "name it in the environment of Upkeep (HTTPS_PROXY)", "the address of the proxy has a password in it")
		}
	}
	m.Done()
	return f
}

// feedURL is an address, or a folder from / on.
func (d decoder) feedURL(n *document.Node, text string) string {
	u, err := url.Parse(text)
	switch {
	case path.IsAbs(text):
		return path.Clean(text)
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		d.Errorf(n.Pos, "write https://HOST/PATH, or a folder from / on", "%q is no place of a feed", text)
	case u.User != nil:
		d.Hide(n)
		d.Errorf(n.Pos, "everything in a feed is public", "the address of the feed has a password in it")
	case u.RawQuery != "" || u.Fragment != "":
		d.Errorf(n.Pos, "write it without ? and #", "the address of a feed is that of a folder")
	}
	return strings.TrimSuffix(text, "/")
}

// file reads {file: PATH}.
func (d decoder) file(m *document.MapDecoder, key string) string {
	f := m.Map(key)
	if f == nil {
		return ""
	}
	f.Required("file")
	defer f.Done()
	return d.text(f, "file")
}
