package selector

import (
	"encoding/json"
	"fmt"
	"strings"
)

// All returns every selected value, in the order of the text: each match of a
// regular expression, each element of a list in JSON or YAML, each node of an
// XPath, each line where there is no selector. White space around a value and
// empty values are left out.
func (s Selector) All(text []byte) ([]string, error) {
	var values []string
	switch re := s.re; {
	case s.text == "":
		values = strings.Split(string(text), "\n")
	case s.xpath != nil:
		var err error
		if values, err = fromXML(text, s.xpath); err != nil {
			return nil, err
		}
	case re != nil && !(s.path != nil && looksLikeJSON(text)):
		for _, m := range re.FindAllSubmatch(text, -1) {
			values = append(values, group(m))
		}
	default:
		value, found, err := s.Apply(text)
		if err != nil || !found {
			return nil, err
		}
		var list []any
		if json.Unmarshal([]byte(value), &list) != nil {
			return []string{value}, nil
		}
		for _, v := range list {
			text, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("%s leads to a list of something else than texts", s.text)
			}
			values = append(values, text)
		}
	}
	var out []string
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out, nil
}
