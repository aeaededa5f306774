package database

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fingerprint(edit func(*Fingerprint)) Fingerprint {
	var f Fingerprint
	f.Object("table a", "CREATE TABLE a (x)")
	f.Object("view v", "SELECT 1")
	f.Table("a", Rows{Count: 2, Sum: "77"})
	if edit != nil {
		edit(&f)
	}
	return f
}

func TestFingerprintCompare(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Fingerprint)
		want []string
	}{
		{"same", nil, nil},
		{"object changed", func(f *Fingerprint) { f.Object("view v", "SELECT 2") }, []string{"view v/changed"}},
		{"object gone", func(f *Fingerprint) { delete(f.Objects, "view v") }, []string{"view v/removed"}},
		{"object new", func(f *Fingerprint) { f.Object("view w", "") }, []string{"view w/added"}},
		{"row changed", func(f *Fingerprint) { f.Table("a", Rows{Count: 2, Sum: "78"}) }, []string{"rows of a/changed"}},
		{"table emptied", func(f *Fingerprint) { f.Table("a", Rows{}) }, []string{"rows of a/changed"}},
		{"table new", func(f *Fingerprint) { f.Table("b", Rows{}) }, []string{"rows of b/added"}},
	} {
		old, changed := fingerprint(nil), fingerprint(c.edit)
		var got []string
		for _, d := range Compare(old, changed) {
			got = append(got, d.Name+"/"+d.What)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if same := old.Digest() == changed.Digest(); same != (c.want == nil) {
			t.Errorf("%s: digests equal: %v", c.name, same)
		}
	}
	old, changed := fingerprint(nil), fingerprint(func(f *Fingerprint) { f.Table("a", Rows{Count: 3, Sum: "1"}) })
	if old.Schema() != changed.Schema() || old.RowCount() != 2 {
		t.Error("rows changed the schema's hash, or were miscounted")
	}
}
