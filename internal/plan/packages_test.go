package plan_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/plan"
)

const (
	packaged = `
product: {id: shop, versions: dotted}
components:
  shop: {kind: package, packages: [shop, shop-lib], version: {package: shop}, config: {edited: take-new}, footprint: [/var/spool/shop]}
  data: {kind: sqlite, at: /srv/shop/shop.db, version: {sql: "SELECT version FROM meta"}}
services: [{id: web, run: [/usr/bin/shop], as: shop, ports: ["8080"]}]
`
	p2 = `
release: {product: shop, version: "2.0"}
routes: [{from: ">= 1.0"}]
payloads: {shop: shop.tar.zst}
versions: {data: "2"}
procedure: {migrate: [{migrate: data, run: [/usr/bin/shop-migrate], as: shop}]}
`
	p3 = `
release: {product: shop, version: "3.0"}
routes: [{from: ">= 2.0"}]
versions: {shop: "3.0-1", data: "3"}
procedure: {notify: none}
`
)

// packageFacts are what a machine with apt says of both releases.
func packageFacts(in *plan.Input) {
	in.Facts.Packages = map[string]plan.PackageFact{
		plan.PackageKey("2.0", "shop"): {Manager: "apt", Units: []string{"web.service"}, Changes: []plan.PackageChange{
			{Name: "shop", Arch: "all", From: "1.0", To: "2.0", Source: "bundle"}, {Name: "shop-lib", From: "", To: "2.0", Source: "machine"}},
			Edited: []plan.PackageEdit{{Package: "shop", Path: "/etc/shop.conf", Shipped: true}, {Package: "shop", Path: "/etc/shop.d/a"}, {Package: "shop", Path: "/etc/shop.d/b", Removed: true}}},
		plan.PackageKey("3.0", "shop"): {Manager: "apt", Changes: []plan.PackageChange{{Name: "shop", From: "2.0", To: "3.0-1", Source: "machine"}}},
	}
}

func TestGoldenPackages(t *testing.T) {
	for _, tt := range []golden{
		{"packages of a bundle", packaged, []string{p2}, nil},
		{"packages whose unit is kept from starting", strings.Replace(packaged, "run: [/usr/bin/shop], ", "", 1), []string{p2}, nil},
		{"packages of two hops", packaged, []string{p2, p3}, nil},
		{"packages behind a quiet backup", with(packaged, strings.ReplaceAll(both, "/srv/shop/", "/etc/")), []string{p2}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(t, tt.product, tt.releases...)
			packageFacts(&in)
			p := compile(t, in)
			got := show(p)
			for _, s := range p.Steps {
				if s.Verb == "backup" || s.Verb == "guard" || s.Verb == "packages" {
					got += "\n" + s.ID + " " + string(s.Params)
				}
			}
			path := filepath.Join("testdata", strings.ReplaceAll(tt.name, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the plan has changed; if that is right, run go test ./internal/plan -update (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPackageRefusals(t *testing.T) {
	fact := func(change func(*plan.PackageFact)) func(*plan.Input) {
		return func(in *plan.Input) {
			f := in.Facts.Packages[plan.PackageKey("2.0", "shop")]
			change(&f)
			in.Facts.Packages[plan.PackageKey("2.0", "shop")] = f
		}
	}
	for _, tt := range []struct {
		name, product, release string
		change                 func(*plan.Input)
		want                   string
	}{
		{"not root", packaged, p2, func(in *plan.Input) { in.Facts.Root, in.Facts.Account = false, "shop" }, "only root can install packages"},
		{"no manager", packaged, p2, func(in *plan.Input) { in.Facts.Packages = nil }, "no package manager that Upkeep knows"},
		{"unmet", packaged, p2, fact(func(f *plan.PackageFact) { f.Problem = "needs shop-lib" }), "the packages of shop 2.0 cannot be installed: needs shop-lib"},
		{"broken", packaged, p2, fact(func(f *plan.PackageFact) { f.Broken = []string{"x 1 is half-configured"} }), "mend them first"},
		{"held", packaged, p2, fact(func(f *plan.PackageFact) { f.Held = []string{"shop"} }), "apt-mark unhold shop"},
		{"removes", packaged, p2, fact(func(f *plan.PackageFact) { f.Removed = []string{"mta"} }), "would remove mta"},
		{"footprint", strings.Replace(packaged, "/var/spool/shop", "spool", 1), p2, nil, "give absolute paths"},
		{"no backup", packaged, with(p2, "+backup: none"), nil, "cannot be put back without a restore point"},
		{"backup of the data only", packaged, with(p2, "+backup: [{backup: data}]"), nil, "cannot be put back without a restore point"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(t, tt.product, tt.release)
			packageFacts(&in)
			if tt.change != nil {
				tt.change(&in)
			}
			_, err := plan.Compile(in)
			var refusal *plan.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a refusal with %q", err, tt.want)
			}
		})
	}
}

func TestPackageLockLimit(t *testing.T) {
	in := input(t, packaged, p2)
	packageFacts(&in)
	in.Site.Limits = map[string]time.Duration{"package-lock": 3 * time.Second}
	for _, s := range compile(t, in).Steps {
		if (s.Verb == "packages" || s.Verb == "fetch") && !strings.Contains(string(s.Params), `"wait":3000000000`) {
			t.Errorf("%s does not wait for 3 s: %s", s.ID, s.Params)
		}
	}
}
