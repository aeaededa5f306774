package show

import "upkeep/internal/lingua"

// Paper is what a screen is laid out on: so many columns, in a language. Texts
// are translated before they are broken into lines.
type Paper struct {
	Columns  int
	Language *lingua.Language // nil: English
}

// Columns is paper for English.
func Columns(n int) Paper { return Paper{Columns: n} }

// Say gives a text in the language of the paper.
func (p Paper) Say(text string) string { return p.Language.Text(text) }

// Word gives a single word of ours in the language of the paper: a cell that
// holds nothing else could be a name as well, and names stay as they are.
func (p Paper) Word(word string) string { return p.Language.Word(word) }
