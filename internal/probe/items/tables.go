package items

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/document/nearest"
)

// columns are the names under which a part of an item is looked for.
func (o Options) columns() (item, state, depends []string) {
	pick := func(name string, usual ...string) []string {
		if name != "" {
			return []string{name}
		}
		return usual
	}
	return pick(o.Item, "item", "name"), pick(o.State, "state", "status", "enabled"), pick(o.Depends, "depends")
}

// parseCSV reads a table whose first line names the columns; it finds out
// whether commas, semicolons or tabs are between them.
func parseCSV(text string, o Options) ([]Item, error) {
	head, _, _ := strings.Cut(text, "\n")
	in := csv.NewReader(strings.NewReader(text))
	in.FieldsPerRecord, in.TrimLeadingSpace = -1, true
	for _, c := range ",;\t" {
		if strings.Count(head, string(c)) > strings.Count(head, string(in.Comma)) {
			in.Comma = c
		}
	}
	names, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("it is no CSV: %w", err)
	}
	for i := range names {
		names[i] = one(names[i])
	}
	item, state, depends := o.columns()
	at := func(wanted []string, must bool) (int, error) {
		for _, w := range wanted {
			if i := slices.Index(names, w); i >= 0 {
				return i, nil
			}
		}
		if must {
			return -1, fmt.Errorf("it has no column %s%s", strings.Join(wanted, " or "), meant(wanted[0], names))
		}
		return -1, nil
	}
	name, err := at(item, true)
	if err != nil {
		return nil, err
	}
	is, err := at(state, o.State != "")
	if err != nil {
		return nil, err
	}
	dep, err := at(depends, o.Depends != "")
	if err != nil {
		return nil, err
	}
	var all []Item
	for {
		f, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it is no CSV: %w", err)
		}
		cell := func(i int) string {
			if i < 0 || i >= len(f) {
				return ""
			}
			return one(f[i])
		}
		line, _ := in.FieldPos(0)
		if cell(name) == "" {
			return nil, fmt.Errorf("the item in line %d has no name", line)
		}
		if all = append(all, Item{Name: cell(name), State: cell(is), Needs: needs(cell(dep))}); len(all) > maxItems {
			return nil, errTooMany()
		}
	}
}

func meant(word string, names []string) string {
	if near := nearest.Word(word, names); near != "" {
		return ": is " + near + " meant?"
	}
	return ""
}

// parseJSON reads a list of objects or of names, or an object whose members are
// the items: each an object, or its state.
func parseJSON(text string, o Options) ([]Item, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // a version or a number of many digits stays as it is written
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	if d.More() {
		return nil, errors.New("it is more than one value of JSON")
	}
	var all []Item
	switch v := v.(type) {
	case []any:
		for n, e := range v {
			i, err := o.element(e, "")
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", n+1, err)
			}
			all = append(all, i)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			i, err := o.element(v[name], one(name))
			if err != nil {
				return nil, fmt.Errorf("item %s: %w", name, err)
			}
			all = append(all, i)
		}
	default:
		return nil, errors.New("it is neither a list nor an object")
	}
	if len(all) > maxItems {
		return nil, errTooMany()
	}
	return all, nil
}

// element reads one item; called is its name where the list says it.
func (o Options) element(e any, called string) (Item, error) {
	object, ok := e.(map[string]any)
	if !ok {
		text, err := scalar(e)
		switch {
		case err != nil:
			return Item{}, err
		case called != "":
			return Item{Name: called, State: text}, nil
		case text == "":
			return Item{}, errors.New("it has no name")
		}
		return Item{Name: text}, nil
	}
	item, state, depends := o.columns()
	i := Item{Name: called}
	for _, k := range item {
		if v, ok := object[k]; ok && i.Name == "" {
			text, err := scalar(v)
			if err != nil {
				return i, fmt.Errorf("%s: %w", k, err)
			}
			i.Name = text
		}
	}
	if i.Name == "" {
		return i, fmt.Errorf("it has no %s%s", strings.Join(item, " or "), meant(item[0], slices.Sorted(maps.Keys(object))))
	}
	found := false
	for _, k := range state {
		if v, ok := object[k]; ok && !found {
			text, err := scalar(v)
			if err != nil {
				return i, fmt.Errorf("%s: %w", k, err)
			}
			i.State, found = text, true
		}
	}
	if !found && o.State != "" {
		return i, fmt.Errorf("%s has no %s%s", i.Name, o.State, meant(o.State, slices.Sorted(maps.Keys(object))))
	}
	for _, k := range depends {
		list, ok := object[k].([]any)
		if !ok {
			text, _ := scalar(object[k])
			i.Needs = append(i.Needs, needs(text)...)
			continue
		}
		for _, v := range list {
			text, err := scalar(v)
			if err != nil {
				return i, fmt.Errorf("%s: %w", k, err)
			}
			if text != "" {
				i.Needs = append(i.Needs, text)
			}
		}
	}
	return i, nil
}

// scalar gives the text of a value that is no list and no object.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return one(v), nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	}
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(v) // it came from JSON
	return "", fmt.Errorf("%.60s is no single value", strings.TrimSpace(b.String()))
}
