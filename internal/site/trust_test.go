package site_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"upkeep/internal/document"
	"upkeep/internal/site"
)

func TestTrust(t *testing.T) {
	read := func(text string) (map[string][]site.TrustedKey, error) {
		in, err := decode("i.yaml", "installation: {id: a, product: p}\ntrust: "+text+"\n")
		if err != nil {
			return nil, err
		}
		return in.Trust, nil
	}
	id := strings.Repeat("0e", 32)
	got, err := read(`{extension-push: [{file: hub.pub}, {key: "` + id + `"}], model-push: []}`)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	want := map[string][]site.TrustedKey{"extension-push": {{File: "hub.pub"}, {Key: id}}, "model-push": {}}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(site.TrustedKey{}, "Pos")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	for text, want := range map[string]string{
		`{command: []}`:                         "under her own yes",
		`{back: []}`:                            "under her own yes",
		`{x: hub.pub}`:                          "keys that are trusted for x",
		`{x: [hub.pub]}`:                        "a trusted key",
		`{x: [{}]}`:                             "a file or an ID",
		`{x: [{file: a, key: "` + id + `"}]}`:   "a file or an ID",
		`{x: [{file: ""}]}`:                     "is empty",
		`{x: [{key: ""}]}`:                      "is empty",
		`{x: [{key: abc}]}`:                     "64 hexadecimal digits",
		`{x: [{key: "` + id[:63] + `E"}]}`:      "64 hexadecimal digits",
		`{x: [{file: a, until: "2030-01-01"}]}`: "until",
		`{x: [{pub: a}]}`:                       "pub",
		`[{x: []}]`:                             "trust",
	} {
		if _, err := read(text); err == nil || !strings.Contains(document.Pretty(err), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
