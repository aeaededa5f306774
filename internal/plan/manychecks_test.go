package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// manyChecks gives a release n checks, each with what a check can have. They are
// read from documents of as many as fit into one.
func manyChecks(t testing.TB, rel *manifest.Release, n int) {
	const each = 250
	for from := 0; from < n; from += each {
		var b strings.Builder
		fmt.Fprintf(&b, "release: {product: shop, version: %q}\nchecks:\n", rel.Version)
		for i := range each {
			fmt.Fprintf(&b, "  - {id: c%d, probe: {file: /srv/shop/%d, expect: \">= %d\"}, waivable: true, when: {any: [{mode: upgrade}, {param: colour, is: red}]}, effect: nothing works, fix: [{run: [mend, \"${param.port}\"], as: shop}, {tell: \"call ${param.colour}\"}]}\n", from+i, i, i)
		}
		_, part := release(t, shop, b.String())
		rel.Checks = append(rel.Checks, part.Checks...)
	}
}

// BenchmarkManyChecks reads, lints and compiles two releases on one way, with
// 10,000 checks each: where every second one fails, and where all hold.
func BenchmarkManyChecks(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		in := input(b, shop, v2, v3)
		for _, h := range in.Hops {
			manyChecks(b, h.Release, n)
			if found := manifest.Lint(h.Product, h.Release); len(found) > 0 {
				b.Fatal(found[0])
			}
			for i, c := range h.Release.Checks {
				in.Facts.Checks[plan.CheckKey(h.Release.Version, c.ID)] = plan.CheckResult{OK: i%2 == 0, Evidence: "it is there"}
			}
		}
		var no *plan.Refusal
		if _, err := plan.Compile(in); !errors.As(err, &no) || len(no.Checks) != n {
			b.Fatalf("not refused as it should be: %.200v", err)
		}
		for key := range in.Facts.Checks {
			in.Facts.Checks[key] = plan.CheckResult{OK: true}
		}
		if _, err := plan.Compile(in); err != nil {
			b.Fatal(err)
		}
	}
}
