package site

import (
	"maps"
	"slices"
	"strings"

	"upkeep/internal/document"
)

// Answers are what a person has answered for a run, to be given again to another
// one, or on another computer. They hold no secret: of a secret only where it
// lies.
type Answers struct {
	Pos     document.Pos      `json:"-"`
	Product string            `json:"product"`
	Release string            `json:"release"`           // version that they are for
	Params  map[string]string `json:"params,omitempty"`  // a secret as file:PATH or env:NAME
	Choices []string          `json:"choices,omitempty"` // features
	Waivers map[string]string `json:"waivers,omitempty"` // check to why
	Words   map[string]string `json:"words,omitempty"`   // question of the vendor to what a person answers
}

// DecodeAnswers reads an answers file. Every mistake is reported, as
// document.Errors.
func DecodeAnswers(src document.Source, nodes []*document.Node) (*Answers, error) {
	d := decoder{document.NewDecoder(src)}
	if len(nodes) != 1 || nodes[0].Get("answers") == nil {
		d.Errorf(document.Pos{File: src.Name}, "it begins with answers: {product: ID, release: VERSION}; upkeep runs answers writes one", "this is not an answers file")
		return nil, d.Err()
	}
	d.hideParams(nodes[0])
	m := d.Map(nodes[0], "an answers file")
	a := &Answers{Pos: nodes[0].Pos, Choices: m.Strings("choices"), Params: m.StringMap("params"), Waivers: m.StringMap("waivers"), Words: m.StringMap("words")}
	if head := m.Map("answers"); head != nil {
		head.Required("product", "release")
		a.Product, a.Release = head.String("product"), head.String("release")
		head.Done()
	}
	m.Done()
	if err := d.Err(); err != nil {
		return nil, err
	}
	return a, nil
}

// Compose writes an answers file, for people to read and to edit. DecodeAnswers
// reads it back.
func (a Answers) Compose(title string) []byte {
	var b strings.Builder
	comment(&b, "", title)
	b.WriteString("answers:\n")
	pair(&b, "  ", "product", a.Product)
	pair(&b, "  ", "release", a.Release)
	several := func(key string, values map[string]string) {
		if len(values) == 0 {
			return
		}
		b.WriteString(key + ":\n")
		for _, id := range slices.Sorted(maps.Keys(values)) {
			pair(&b, "  ", id, values[id])
		}
	}
	several("params", a.Params)
	if len(a.Choices) > 0 {
		b.WriteString("choices:\n")
		for _, c := range a.Choices {
			b.WriteString("  - " + quoted(c) + "\n")
		}
	}
	several("waivers", a.Waivers)
	several("words", a.Words)
	return []byte(b.String())
}
