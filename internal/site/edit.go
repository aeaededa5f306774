package site

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/document"
)

// SetParams gives the text of an installation document in which parameters
// have other values; everything else, comments too, stays as it is written.
// Root is the document as it was read. A parameter whose value does not stand
// on one line of its own is refused.
func SetParams(text []byte, root *document.Node, values map[string]string) ([]byte, error) {
	lines := strings.SplitAfter(string(text), "\n")
	params := root.Get("params")
	var ids []string
	for id := range values {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var added []string
	for _, id := range ids {
		var at *document.Node
		if params != nil {
			at = params.Get(id)
		}
		if at == nil {
			added = append(added, id)
			continue
		}
		if at.Kind != document.Scalar || at.Pos.Line < 1 || at.Pos.Line > len(lines) {
			return nil, fmt.Errorf("the value of %s cannot be replaced where it is written: change it there by hand", id)
		}
		line, err := replaced(lines[at.Pos.Line-1], id, values[id])
		if err != nil {
			return nil, err
		}
		lines[at.Pos.Line-1] = line
	}
	if len(added) == 0 {
		return []byte(strings.Join(lines, "")), nil
	}
	return insert(lines, params, added, values)
}

// replaced writes a line "  id: value  # comment" with another value.
func replaced(line, id, value string) (string, error) {
	body, end := strings.TrimRight(line, "\r\n"), line[len(strings.TrimRight(line, "\r\n")):]
	indent := body[:len(body)-len(strings.TrimLeft(body, " "))]
	rest, ok := strings.CutPrefix(body[len(indent):], id+":")
	if !ok {
		return "", fmt.Errorf("the value of %s does not stand on a line of its own: change it there by hand", id)
	}
	written := strings.TrimLeft(rest, " ")
	comment := ""
	if i := commentAt(written); i >= 0 {
		comment = " " + strings.TrimSpace(written[i:])
	}
	return indent + id + ": " + quoted(value) + comment + end, nil
}

// commentAt says where a comment begins behind a value; -1 when there is none.
func commentAt(text string) int {
	var quote rune
	escaped := false
	for i, r := range text {
		switch {
		case escaped:
			escaped = false
		case quote == '\'' && strings.HasPrefix(text[i:], "''"):
			escaped = true // a quote in a single-quoted text is doubled
		case quote == '"' && r == '\\':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case i == 0 && (r == '"' || r == '\''):
			quote = r
		case r == '#' && (i == 0 || text[i-1] == ' '):
			return i
		}
	}
	return -1
}

// insert adds parameters at the top of params, which begins on a line of its
// own, or at the end of a document that has none.
func insert(lines []string, params *document.Node, ids []string, values map[string]string) ([]byte, error) {
	var add []string
	indent := "  "
	if params != nil && len(params.Pairs) > 0 {
		indent = strings.Repeat(" ", max(0, params.Pairs[0].Key.Pos.Column-1))
	}
	for _, id := range ids {
		add = append(add, indent+id+": "+quoted(values[id])+"\n")
	}
	if params == nil {
		if n := len(lines); n > 0 && lines[n-1] != "" && !strings.HasSuffix(lines[n-1], "\n") {
			lines[n-1] += "\n"
		}
		return []byte(strings.Join(lines, "") + "params:\n" + strings.Join(add, "")), nil
	}
	if len(params.Pairs) == 0 || params.Pairs[0].Key.Pos.Line < 2 || strings.TrimSpace(strings.SplitN(lines[params.Pairs[0].Key.Pos.Line-1], params.Pairs[0].Key.Value, 2)[0]) != "" {
		return nil, fmt.Errorf("params: is not written with one parameter a line: add %s there by hand", strings.Join(ids, ", "))
	}
	at := params.Pairs[0].Key.Pos.Line - 1
	return []byte(strings.Join(slices.Insert(lines, at, add...), "")), nil
}

// SetChoices gives the text of an installation document with other choices. Where
// they are written, they are replaced; everything else stays as it is.
func SetChoices(text []byte, root *document.Node, choices []string) ([]byte, error) {
	var list []string
	for _, c := range choices {
		list = append(list, quoted(c))
	}
	line := "choices: [" + strings.Join(list, ", ") + "]\n"
	lines := strings.SplitAfter(string(text), "\n")
	for _, p := range root.Pairs {
		if p.Key.Value != "choices" {
			continue
		}
		from, to := p.Key.Pos.Line, max(p.Key.Pos.Line, p.Value.Pos.Line)
		for _, item := range p.Value.Items {
			to = max(to, item.Pos.Line)
		}
		if from < 1 || to > len(lines) || p.Key.Pos.Column != 1 {
			return nil, fmt.Errorf("the choices cannot be replaced where they are written: change them there by hand")
		}
		if i := commentAt(strings.TrimSpace(strings.TrimPrefix(lines[from-1], "choices:"))); i >= 0 && from == to {
			line = strings.TrimSuffix(line, "\n") + " " + strings.TrimSpace(strings.TrimPrefix(lines[from-1], "choices:"))[i:] + "\n"
		}
		return []byte(strings.Join(slices.Replace(lines, from-1, to, line), "")), nil
	}
	if n := len(lines); n > 0 && lines[n-1] != "" && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
	}
	return []byte(strings.Join(lines, "") + line), nil
}
