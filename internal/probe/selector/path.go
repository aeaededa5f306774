package selector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// splitPath cuts a.b[0]."c.d" into its keys. A leading "." or "$." is allowed.
func splitPath(text string) ([]string, error) {
	rest := strings.TrimPrefix(strings.TrimPrefix(text, "$"), ".")
	var keys []string
	for rest != "" {
		var key string
		switch {
		case rest[0] == '"':
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("cannot read path %q: a quote is not closed", text)
			}
			key, rest = rest[1:end+1], rest[end+2:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("cannot read path %q: [ is not closed", text)
			}
			key, rest = rest[1:end], rest[end+1:]
			if _, err := strconv.ParseUint(key, 10, 31); err != nil {
				return nil, fmt.Errorf("cannot read path %q: [%s] is no place in a list", text, key)
			}
		default:
			end := strings.IndexAny(rest, `.["`)
			if end < 0 {
				end = len(rest)
			}
			key, rest = rest[:end], rest[end:]
		}
		if key == "" {
			return nil, fmt.Errorf("cannot read path %q: a key is empty", text)
		}
		keys = append(keys, key)
		if rest == "" || rest[0] == '[' {
			continue
		}
		if rest[0] != '.' || len(rest) == 1 {
			return nil, fmt.Errorf("cannot read path %q: a key must follow each dot", text)
		}
		rest = rest[1:]
	}
	if keys == nil {
		return nil, fmt.Errorf("cannot read path %q: it is empty", text)
	}
	return keys, nil
}

// fromJSON walks a JSON text. Numbers come as they are written; null and a
// missing key give nothing; objects and lists come as compact JSON.
func fromJSON(text []byte, keys []string) (string, error) {
	raw := json.RawMessage(bytes.TrimPrefix(text, []byte("\ufeff")))
	if !json.Valid(raw) {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return "", fmt.Errorf("cannot read the text as JSON: %w", err)
		}
		return "", errors.New("cannot read the text as JSON")
	}
	for _, key := range keys {
		raw = bytes.TrimSpace(raw)
		switch raw[0] {
		case '{':
			var object map[string]json.RawMessage
			if err := json.Unmarshal(raw, &object); err != nil {
				return "", fmt.Errorf("cannot read the text as JSON: %w", err)
			}
			raw = object[key]
		case '[':
			var list []json.RawMessage
			if err := json.Unmarshal(raw, &list); err != nil {
				return "", fmt.Errorf("cannot read the text as JSON: %w", err)
			}
			place, err := strconv.ParseUint(key, 10, 31)
			if err != nil || place >= uint64(len(list)) {
				return "", nil
			}
			raw = list[place]
		default:
			return "", nil
		}
		if raw == nil {
			return "", nil
		}
	}
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", fmt.Errorf("cannot read the text as JSON: %w", err)
		}
		return s, nil
	case 'n':
		return "", nil
	case '{', '[':
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			return "", fmt.Errorf("cannot read the text as JSON: %w", err)
		}
		return b.String(), nil
	}
	return string(raw), nil
}
