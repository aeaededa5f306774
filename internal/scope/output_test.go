package scope

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// However the bytes are cut into writes, the log holds them up to the limit in
// whole lines, and the counts add up.
func TestSinkKeepsLinesAndCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log bytes.Buffer
		s := &sink{to: &log, limit: int64(rapid.IntRange(1, 4000).Draw(t, "limit")), name: "x"}
		var all strings.Builder
		for _, chunk := range rapid.SliceOf(rapid.StringMatching(`[a-c\n]{0,900}`)).Draw(t, "chunks") {
			all.WriteString(chunk)
			_, _ = s.Write([]byte(chunk))
		}
		s.close()
		if s.total != int64(all.Len()) || s.passed > s.limit || s.passed+s.truncated() != s.total {
			t.Fatalf("total %d of %d, passed %d of %d, truncated %d", s.total, all.Len(), s.passed, s.limit, s.truncated())
		}
		if !strings.HasPrefix(log.String(), all.String()[:s.passed]) {
			t.Fatalf("log %q does not begin with what was passed", log.String())
		}
		if s.truncated() == 0 && strings.TrimSuffix(log.String(), "\n") != strings.TrimSuffix(all.String(), "\n") {
			t.Fatalf("log %q, written %q", log.String(), all.String())
		}
		if want := lastBytes(all.String(), TailSize); all.Len() <= TailSize && s.text() != want {
			t.Fatalf("kept %q, want %q", s.text(), want)
		}
	})
}

func TestLastLine(t *testing.T) {
	for in, want := range map[string]string{"": "", "a\nb\n\n": "b", "one": "one", "\n": "", strings.Repeat("x", 400): strings.Repeat("x", 300) + "…"} {
		if got := lastLine(in); got != want {
			t.Errorf("lastLine(%.10q) = %.10q, want %.10q", in, got, want)
		}
	}
}
