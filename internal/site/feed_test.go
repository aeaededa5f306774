package site_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"upkeep/internal/document"
	"upkeep/internal/site"
)

func TestFeed(t *testing.T) {
	read := func(text string) (*site.Feed, error) {
		in, err := decode("i.yaml", "installation: {id: a, product: p}\nfeed: "+text+"\n")
		if err != nil {
			return nil, err
		}
		return in.Feed, nil
	}
	got, err := read(`{url: "https://releases.example.org/feed/", root: {file: root.json}, channel: candidate, prefetch: true, install: automatic, between: "22:00-04:00", rate: "5 MiB/s", proxy: "http://proxy:3128", ca: {file: /etc/own.pem}}`)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	want := &site.Feed{URLs: []string{"https://releases.example.org/feed"}, Root: "root.json", Channel: "candidate", Prefetch: true, Install: "automatic", Between: "22:00-04:00",
		Rate: 5 << 20, Proxy: "http://proxy:3128", CA: "/etc/own.pem"}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(site.Feed{}, "Pos")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if got, err := read(`{urls: ["https://a.example/f", /media/usb/feed], root: {file: /r}}`); err != nil || len(got.URLs) != 2 || got.URLs[1] != "/media/usb/feed" {
		t.Errorf("mirrors: %v, %v", got, err)
	}
	if got, err := read(`{root: {file: /r}}`); err != nil || len(got.URLs) != 0 {
		t.Errorf("by hand only: %v, %v", got, err)
	}
	for text, want := range map[string]string{
		`{}`:                                     "root",
		`{root: /etc/root.json}`:                 "root",
		`{root: {}}`:                             "file",
		`{root: {file: /r}, url: releases/feed}`: "no place of a feed",
		`{root: {file: /r}, url: "ftp://a/f"}`:   "no place of a feed",
		`{root: {file: /r}, url: "https://me:secret@a/f"}`:                       "has a password",
		`{root: {file: /r}, url: "https://a/f?x=1"}`:                             "that of a folder",
		`{root: {file: /r}, url: "https://a/f", urls: ["https://b/f"]}`:          "not both",
		`{root: {file: /r}, channel: beta}`:                                      "beta",
		`{root: {file: /r}, install: automatic}`:                                 "need a time",
		`{root: {file: /r}, between: "02:00-05:00"}`:                             "for automatic installs",
		`{root: {file: /r}, install: automatic, between: "2-5"}`:                 "two times of day",
		`{root: {file: /r}, rate: 5}`:                                            "a size a second",
		`{root: {file: /r}, proxy: "http://me:secret@proxy"}`:                    "has a password",
		`{root: {file: /r}, proxy: proxy}`:                                       "no address",
		`{root: {file: /r}, mirror: "https://a/f"}`:                              "mirror",
		`{root: {file: /r}, install: automatic, between: "05:00-05:00"}`:         "two times of day",
		`{root: {file: /r}, url: "https://a/f", rate: "1 B/s", channel: stable}`: "1 KiB/s at least",
	} {
		_, err := read(text)
		if err == nil || !strings.Contains(document.Pretty(err), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(document.Pretty(err), "secret") {
			t.Errorf("%s: the password is shown: %v", text, document.Pretty(err))
		}
	}
}
