package selector

import (
	"slices"
	"strings"
	"testing"
)

const paths = `<?xml version="1.0" encoding="utf-8"?>
<applications xmlns="urn:x">
  <ecommerce path="/srv/shop one" name="a"/>
  <ecommerce path="/srv/été" name="b"/><!-- <ecommerce path="/no"/> -->
  <office path="/srv/office"><version> 20.4 </version></office>
  <group><ecommerce path="/srv/deep"/></group><nothing/>
</applications>`

func TestXPath(t *testing.T) {
	for _, tt := range []struct {
		path string
		all  []string
		one  string // what Apply gives, or its error
	}{
		{"//*[@path]", []string{"/srv/shop one", "/srv/été", "/srv/office", "/srv/deep"}, "several values"},
		{"//ecommerce/@path", []string{"/srv/shop one", "/srv/été", "/srv/deep"}, "several values"},
		{"/applications/ecommerce/@path", []string{"/srv/shop one", "/srv/été"}, "several values"},
		{"//ecommerce[@name='b']/@path", []string{"/srv/été"}, "/srv/été"},
		{`//ecommerce[@name="b"][@path]`, []string{"/srv/été"}, "/srv/été"},
		{"//office/version", []string{"20.4"}, "20.4"},
		{"/applications//version/text()", []string{"20.4"}, "20.4"},
		{"//@name", []string{"a", "b"}, "several values"},
		{"/ecommerce/@path", nil, ""},
		{"//nothing", nil, ""},
	} {
		s, err := Parse(tt.path, XML)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if got, err := s.All([]byte(paths)); err != nil || !slices.Equal(got, tt.all) {
			t.Errorf("%s gives %q (%v), want %q", tt.path, got, err, tt.all)
		}
		got, found, err := s.Apply([]byte(paths))
		if err != nil {
			got, found = err.Error(), true
		}
		if found != (tt.one != "") || !strings.Contains(got, tt.one) {
			t.Errorf("%s gives %q, want %q", tt.path, got, tt.one)
		}
	}
	for _, bad := range []string{"applications", "//a[1]", "//a[position()=1]", "//@a/b", "//", "//a|//b", "//comment()"} {
		if _, err := Parse(bad, XML); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	s, _ := Parse("//a", XML)
	for _, text := range []string{"<a>", "<a></b>", strings.Repeat("<a>", 300) + strings.Repeat("</a>", 300), `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`} {
		if _, err := s.All([]byte(text)); err == nil {
			t.Errorf("%.40s is read", text)
		}
	}
}

func TestAll(t *testing.T) {
	for _, tt := range []struct {
		selector, text string
		format         Format
		want           []string
	}{
		{"", " /a \n\n/b\n", Text, []string{"/a", "/b"}},
		{"/^path=(.*)$/", "path=/a\nx\npath=/b", Text, []string{"/a", "/b"}},
		{"sites", `{"sites": ["/a", "/b c"]}`, JSON, []string{"/a", "/b c"}},
		{"site", `{"site": "/a"}`, JSON, []string{"/a"}},
		{"sites", `{}`, JSON, nil},
		{"path", "path = /a", INI, []string{"/a"}},
	} {
		s, err := Parse(tt.selector, tt.format)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.All([]byte(tt.text)); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s in %s gives %q (%v), want %q", tt.selector, tt.text, got, err, tt.want)
		}
	}
	s, _ := Parse("sites", JSON)
	if _, err := s.All([]byte(`{"sites": [1, 2]}`)); err == nil {
		t.Error("numbers are taken for places")
	}
}

func FuzzXPath(f *testing.F) {
	f.Add("//*[@path]", paths)
	f.Add("/a//b[@c='d']/text()", "<a><b c='d'>x</b></a>")
	f.Fuzz(func(t *testing.T, path, text string) {
		s, err := Parse(path, XML)
		if err != nil {
			return
		}
		all, err := s.All([]byte(text))
		if err == nil && slices.Contains(all, "") {
			t.Fatalf("%q in %q gives an empty value", path, text)
		}
	})
}
