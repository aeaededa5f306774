package site_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/site"
)

func answers(text string) (*site.Answers, error) {
	nodes, err := yaml.Parse("answers.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return site.DecodeAnswers(document.Source{Name: "answers.yaml", Text: []byte(text)}, nodes)
}

func TestAnswersAreReadBack(t *testing.T) {
	for _, a := range []site.Answers{
		{Product: "itop", Release: "3.2.0"},
		{Product: "itop", Release: "7.10", Params: map[string]string{"url": "http://a/#x", "quoted": "a \"b\" \\ ü"}, Choices: []string{"core", "simple/portal"},
			Waivers: map[string]string{"php": "until\tnoon"}, Words: map[string]string{"console": "yes"}},
	} {
		got, err := answers(string(a.Compose("Answers of a run.\nKeep them.")))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&a, got, cmpopts.IgnoreFields(site.Answers{}, "Pos"), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("-written +read:\n%s", d)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"installation: {id: a, product: b}\n", "this is not an answers file"},
		{"answers: {product: itop}\n", "release"},
		{"answers: {product: itop, release: \"3\"}\nchoises: [a]\n", `did you mean "choices"`},
		{"answers: {product: itop, release: \"3\"}\nparams: [a]\n", "answers.yaml:2:9"},
	} {
		if _, err := answers(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
		}
	}
}

func FuzzDecodeAnswers(f *testing.F) {
	f.Add("answers: {product: itop, release: \"3.2.0\"}\nparams: {url: a}\nchoices: [core]\nwaivers: {php: why}\nwords: {q: \"yes\"}\n")
	f.Add("answers: 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := answers(text)
		if err != nil {
			return
		}
		again, err := answers(string(a.Compose("")))
		if err != nil {
			t.Fatalf("%q is written so that it cannot be read: %v", text, err)
		}
		if d := cmp.Diff(a, again, cmpopts.IgnoreFields(site.Answers{}, "Pos"), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("-read +written:\n%s", d)
		}
	})
}
