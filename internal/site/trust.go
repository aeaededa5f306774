package site

import (
	"regexp"

	"upkeep/internal/document"
)

// TrustedKey is a key whose signature under a pushed bundle is accepted.
type TrustedKey struct {
	Pos  document.Pos `json:"-"`
	File string       `json:"file,omitempty"` // of its public half, absolute or beside the document
	Key  string       `json:"key,omitempty"`  // or its ID, 64 hexadecimal digits
}

// keyID as vendor keys create shows it.
var keyID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// trust reads trust:, a trigger to keys. A trigger with an empty list trusts
// nobody.
func (d decoder) trust(m *document.MapDecoder, in *Installation) {
	child := m.Map("trust")
	if child == nil {
		return
	}
	in.Trust = map[string][]TrustedKey{}
	child.Each(func(trigger string, k, v *document.Node) {
		if trigger == "command" || trigger == "back" {
			d.Errorf(k.Pos, "remove it: what a person starts is under her own yes", "no signature is asked for where the trigger is %s", trigger)
		}
		keys := []TrustedKey{}
		for _, n := range d.List(v, "the keys that are trusted for "+trigger) {
			t := d.Map(n, "a trusted key")
			key := TrustedKey{Pos: n.Pos, File: d.text(t, "file"), Key: d.text(t, "key")}
			switch file, id := t.Get("file"), t.Get("key"); {
			case (file == nil) == (id == nil):
				d.Errorf(n.Pos, "write {file: /etc/upkeep/NAME.pub}, or {key: ID}", "a trusted key is a file or an ID, one of them")
			case id != nil && key.Key != "" && !keyID.MatchString(key.Key):
				d.Errorf(id.Pos, "write the 64 hexadecimal digits that upkeep vendor keys create shows, in quotes", "this is no ID of a key")
			}
			t.Done()
			keys = append(keys, key)
		}
		in.Trust[trigger] = keys
	})
}
