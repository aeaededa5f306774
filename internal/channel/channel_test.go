package channel_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/channel"
)

const sum = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"

func index() *channel.Index {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	release := func(v, in string) channel.Release {
		return channel.Release{Version: v, Published: at, Channel: in, Digest: sum, Documents: channel.DocumentsTarget("notes", v),
			Payloads: map[string]channel.Payload{"app.tar.zst": {Target: channel.PayloadTarget("notes", v, "app.tar.zst"), Bytes: 10, SHA256: sum,
				Patches: []channel.Patch{{From: sum, Target: channel.PatchTarget("notes", v, "app.tar.zst", "1.0"), Bytes: 3, Recipe: "r1"}}}}}
	}
	x := &channel.Index{Product: "notes", Releases: []channel.Release{release("1.0", "stable"), release("1.1", "stable"), release("7.5 SP1", "candidate")}}
	x.Releases[1].Withdrawn = "it loses notes"
	return x
}

func TestReadBack(t *testing.T) {
	text, err := index().Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := channel.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	want := index()
	want.Format = channel.Format
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-written +read:\n%s", d)
	}
}

func TestChannels(t *testing.T) {
	x := index()
	if v := x.Latest(channel.Stable).Version; v != "1.0" {
		t.Errorf("the latest stable release is %s: 1.1 is withdrawn", v)
	}
	if v := x.Latest(channel.Candidate).Version; v != "7.5 SP1" {
		t.Errorf("the latest candidate is %s", v)
	}
	if (&channel.Index{}).Latest(channel.Stable) != nil {
		t.Error("an empty index has a latest release")
	}
}

func TestBad(t *testing.T) {
	for name, change := range map[string]func(*channel.Index){
		"a product out of the way":   func(x *channel.Index) { x.Product = "../notes" },
		"another product's target":   func(x *channel.Index) { x.Releases[0].Documents = "other/1.0/documents.tar.zst" },
		"a target that climbs":       func(x *channel.Index) { x.Releases[0].Documents = "notes/../../etc/passwd" },
		"a version that climbs":      func(x *channel.Index) { x.Releases[0].Version = ".." },
		"twice":                      func(x *channel.Index) { x.Releases[1].Version = "1.0" },
		"no digest":                  func(x *channel.Index) { x.Releases[0].Digest = "" },
		"a digest in capitals":       func(x *channel.Index) { x.Releases[0].Digest = strings.ToUpper(sum) },
		"an unknown channel":         func(x *channel.Index) { x.Releases[0].Channel = "beta" },
		"a block without a reason":   func(x *channel.Index) { x.Releases[0].Blocked = []channel.Block{{From: "<1"}} },
		"no time":                    func(x *channel.Index) { x.Releases[0].Published = time.Time{} },
		"a payload of negative size": func(x *channel.Index) { x.Releases[0].Payloads["a"] = channel.Payload{Bytes: -1} },
	} {
		x := index()
		change(x)
		if _, err := x.Encode(); !errors.Is(err, channel.ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tt := range []struct{ text, want string }{
		{`{"format":2}`, "upgrade Upkeep first"},
		{`{"format":1,"product":"notes","releases":[],"extra":1}`, "extra"},
		{`{"format":1,"product":"notes","releases":[]} {}`, "after top-level"},
		{`null`, "format 0"},
		{`[]`, "damaged"},
		{`{"format":1,"product":"notes","releases":[null]}`, "no release"},
	} {
		if _, err := channel.Decode([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.text, err, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	text, _ := index().Encode()
	f.Add(text)
	f.Add([]byte(`{"format":1,"product":"a","releases":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := channel.Decode(text)
		if err != nil {
			return
		}
		again, err := x.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := channel.Decode(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
