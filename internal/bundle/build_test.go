//go:build unix

package bundle

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
)

func TestBuildIsDeterministic(t *testing.T) {
	out := t.TempDir()
	opts := BuildOptions{MTime: time.Unix(1_712_345_678, 0)}
	var archives [][]byte
	for i, name := range []string{"a.tar.zst", "b.tar.zst"} {
		src := source(t) // a fresh checkout: other inodes, other times of directories
		must(t, os.Chtimes(src+"/components/app/bin/sample", time.Time{}, time.Unix(int64(i)*1000, 0)))
		_, err := Build(t.Context(), durable.OS(), src, out+"/"+name, opts)
		must(t, err)
		data, err := os.ReadFile(out + "/" + name)
		must(t, err)
		archives = append(archives, data)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same source gave other bytes")
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(src, out string, o *BuildOptions) string
		want string
	}{
		{"no manifest", func(src, out string, o *BuildOptions) string {
			must(t, os.Remove(src+"/upkeep.yaml"))
			return out + "/b"
		}, "no upkeep.yaml"},
		{"no source", func(src, out string, o *BuildOptions) string { must(t, os.RemoveAll(src)); return out + "/b" }, "cannot stat"},
		{"there already", func(src, out string, o *BuildOptions) string {
			plant(t, out, map[string]string{"b/x": ""})
			return out + "/b"
		}, "exists already"},
		{"inside itself", func(src, out string, o *BuildOptions) string { return src + "/out/b" }, "inside its own source"},
		{"link", func(src, out string, o *BuildOptions) string {
			plant(t, src, map[string]string{"hooks/l": "-> /etc/passwd"})
			return out + "/b"
		}, "hooks/l is a link"},
		{"payload twice", func(src, out string, o *BuildOptions) string {
			plant(t, src, map[string]string{"app.tar.zst": "x"})
			return out + "/b"
		}, "app.tar.zst already"},
		{"component twice", func(src, out string, o *BuildOptions) string {
			o.Components = map[string]string{"app": src}
			return out + "/b"
		}, "component app is there twice"},
		{"bad component", func(src, out string, o *BuildOptions) string {
			o.Components = map[string]string{"../x": src}
			return out + "/b"
		}, "cannot name a component"},
		{"component without directory", func(src, out string, o *BuildOptions) string {
			o.Components = map[string]string{"web": src + "/gone"}
			return out + "/b"
		}, "component web: "},
		{"component is a file", func(src, out string, o *BuildOptions) string {
			plant(t, src, map[string]string{"components/x": ""})
			return out + "/b.tar.zst"
		}, "components/x is no directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, out := source(t), t.TempDir()
			var o BuildOptions
			dest := c.do(src, out, &o)
			before := names(t, out)
			_, err := Build(t.Context(), durable.OS(), src, dest, o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			equal(t, before, names(t, out))
		})
	}
}
