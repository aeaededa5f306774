package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"upkeep/internal/cli/report"
	"upkeep/internal/cli/report/reporttest"
	"upkeep/internal/manage"
)

func TestDriftHTML(t *testing.T) {
	var page bytes.Buffer
	if err := report.DriftHTML(&page, reporttest.Drift()); err != nil {
		t.Fatal(err)
	}
	golden(t, "drift.html", page.String())
	for _, not := range []string{"<script", "http:", "https:", "hunter2", "\x1b", "<b>evil"} {
		if strings.Contains(page.String(), not) {
			t.Errorf("the page holds %q", not)
		}
	}
	page.Reset()
	if err := report.DriftHTML(&page, manage.Drift{Installation: "shop", Product: "shop", Version: "3.0", At: time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "Nothing differs from the vendor&#39;s standard.") {
		t.Errorf("nothing differs, and the page says:\n%s", page.String())
	}
}
