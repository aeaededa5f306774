package requirements

import (
	"fmt"
	"io"
	"strings"
)

// Write prints what every removed line turned red, and last the rows that
// noticed nothing.
func (c *Catch) Write(w io.Writer) error {
	var b strings.Builder
	for _, f := range c.Finds {
		noticed := "nothing noticed"
		switch {
		case f.All:
			noticed = "every test that reads it"
		case len(f.Noticed) > 0:
			noticed = strings.Join(f.Noticed, " ")
		}
		fmt.Fprintf(&b, "%s:%d: %s\n    %s\n", f.File, f.Mutant.Line, f.Mutant.Gone, noticed)
	}
	list := func(title string, items []string) {
		if len(items) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", title, strings.Join(items, " "))
		}
	}
	list("documents that no test reads", c.Unread)
	list("tests that were skipped", c.Skipped)
	list("tests that fail on the unchanged examples", c.Flawed)
	list("rows whose tests read no document of the examples", c.NoYAML)
	list("rows that were red only when every test was", c.Broad)
	list("rows that no removed line turned red", c.Silent)
	fmt.Fprintf(&b, "%d lines taken away, %d left untried; %d rows noticed none\n", c.Tried, c.Left, len(c.Silent)+len(c.NoYAML))
	_, err := io.WriteString(w, b.String())
	return err
}
