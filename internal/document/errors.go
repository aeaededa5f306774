package document

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a document.
type Error struct {
	Pos  Pos
	Msg  string // what is wrong, to what
	Hint string // what to do, or what was probably meant; may be empty
	Line string // the source line, for Pretty; empty when it is not known or must not be shown
}

// Error gives "file:line:col: message; hint".
func (e *Error) Error() string {
	text := e.Msg
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	if at := e.Pos.String(); at != "" {
		return at + ": " + text
	}
	return text
}

// excerptWidth is how many characters of a long line Pretty shows.
const excerptWidth = 96

// Excerpt is the source line with a caret below the place, and the hint behind
// the caret; "" when the line is not known. It ends without a line feed.
func (e *Error) Excerpt() string {
	if e.Line == "" || e.Pos.Column < 1 {
		return ""
	}
	line, column := []rune(e.Line), e.Pos.Column-1
	column = min(column, len(line))
	before, after := "", ""
	if len(line) > excerptWidth {
		start := max(0, min(column-excerptWidth/2, len(line)-excerptWidth))
		if start > 0 {
			before = "… "
		}
		if start+excerptWidth < len(line) {
			after = " …"
		}
		line, column = line[start:start+excerptWidth], column-start
	}
	number := fmt.Sprintf("%5d", e.Pos.Line)
	text := fmt.Sprintf("%s | %s%s%s\n%s | %s^", number, before, string(line), after,
		strings.Repeat(" ", len(number)), strings.Repeat(" ", len([]rune(before))+column))
	if e.Hint != "" {
		text += " " + e.Hint
	}
	return text
}

// Pretty is the message, and below it the excerpt.
func (e *Error) Pretty() string {
	excerpt := e.Excerpt()
	if excerpt == "" {
		return e.Error()
	}
	return fmt.Sprintf("%s: %s\n%s", e.Pos, e.Msg, excerpt)
}

// Errors are all mistakes of a document, sorted by place.
type Errors []*Error

// Error gives one line for each.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Pretty gives message and excerpt of each, with an empty line between.
func (es Errors) Pretty() string {
	blocks := make([]string, len(es))
	for i, e := range es {
		blocks[i] = e.Pretty()
	}
	return strings.Join(blocks, "\n\n")
}

// Unwrap gives the errors to errors.As and errors.Is.
func (es Errors) Unwrap() []error {
	all := make([]error, len(es))
	for i, e := range es {
		all[i] = e
	}
	return all
}

// maxErrors bounds a report; nobody repairs more in one go.
const maxErrors = 100

// sorted orders by place, drops repetitions and what goes beyond maxErrors.
func (es Errors) sorted() Errors {
	es = slices.Clone(es)
	slices.SortStableFunc(es, func(a, b *Error) int { return a.Pos.Compare(b.Pos) })
	es = slices.CompactFunc(es, func(a, b *Error) bool { return a.Pos == b.Pos && a.Msg == b.Msg })
	if len(es) > maxErrors {
		rest := &Error{Pos: es[maxErrors].Pos, Msg: fmt.Sprintf("%d more mistakes from here on", len(es)-maxErrors)}
		es = append(es[:maxErrors:maxErrors], rest)
	}
	return es
}

// Pretty shows an error to a person: with its excerpts if it comes from a
// document, as its plain text otherwise.
func Pretty(err error) string {
	if shown, ok := err.(interface{ Pretty() string }); ok {
		return shown.Pretty()
	}
	return err.Error()
}
