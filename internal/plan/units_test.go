package plan_test

import (
	"slices"
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// shops is a product whose shop may be there several times, beside a database
// that all of them use.
const shops = `
product: {id: shop, versions: dotted}
components:
  app:  {kind: tree, independent: true, at: {file: /etc/shop/paths.xml, select: "//app/@path"}, version: {file: "${this.path}/VERSION"}, keep: [down]}
  data: {kind: sqlite, at: /srv/shop/shop.db, version: {sql: "SELECT version FROM meta"}}
services:
  - {id: web, as: shop, run: [/srv/shop/web]}
access: {maintenance: {marker: "${this.path}/down", users: none}}
hooks: [{by: site, dir: /srv/hooks, name: "${phase}[_-]${component}.sh", phase: any, as: shop, env: {MODULE: "${this.path}/", NAME: "${this.instance}"}}]
`

// several gives an input with two registered instances of app.
func several(in *plan.Input) {
	in.Facts.Places = map[string][]string{"app": {"/srv/a/north", "/srv/b/south"}}
	app := in.Facts.Instances["app"]
	delete(in.Facts.Instances, "app")
	in.Facts.Instances["app@north"], in.Facts.Instances["app@south"] = app, app
	in.Facts.HookDirs["/srv/hooks"] = []plan.HookEntry{{Name: "PREINSTALL_app.sh", SHA256: "1"}, {Name: "POSTINSTALL_app@south.sh", SHA256: "2"}}
}

func instanceGoldens() []golden {
	return []golden{{"two registered instances", shops, []string{v2}, several}}
}

// What a step says of a unit is that unit's, and nobody else's.
func TestUnitsHaveTheirOwnPlaces(t *testing.T) {
	in := input(t, shops, v2)
	several(&in)
	p := compile(t, in)
	for _, s := range p.Steps {
		_, unit, of := strings.Cut(s.ID, "@")
		other := map[string]string{"north": "/srv/b", "south": "/srv/a"}[unit]
		if text := string(s.Params); of && strings.Contains(text, other) {
			t.Errorf("step %s speaks of %s: %s", s.ID, other, text)
		}
	}
	for id, want := range map[string]string{
		"h1.install.app@north":              `"at":"/srv/a/north"`,
		"h1.stage.app@south":                `"staging":"/srv/b/.south.upkeep/`,
		"maintenance.app@south":             `"marker":"/srv/b/south/down"`,
		"h1.hooks.before-install.app@north": `"MODULE=/srv/a/north/","NAME=north"`,
		"backup":                            `{"component":"app@south","path":"/srv/b/south"}`,
		"h1.verify":                         `"instance":"south","probe":{"source":"file","args":["/srv/b/south/VERSION"]`,
		"clean-up":                          `"trees":["/srv/a/north","/srv/b/south"]`,
	} {
		s, ok := p.Find(id)
		if !ok || !strings.Contains(string(s.Params), want) {
			t.Errorf("%s does not say %s: %s", id, want, s.Params)
		}
	}
}

func TestInstanceNames(t *testing.T) {
	for _, tt := range []struct {
		name  string
		list  []site.Place
		found []string
		want  string
	}{
		{"one has none", nil, []string{"/srv/shop"}, "app"},
		{"registered nowhere", nil, nil, ""},
		{"last folder", nil, []string{"/srv/a", "/srv/b"}, "app@a app@b"},
		{"more of the path", nil, []string{"/srv/eu/shop", "/srv/us/shop", "/srv/x"}, "app@eu-shop app@us-shop app@x"},
		{"letters and blanks", nil, []string{"/srv/Boutique d'été", "/srv/店"}, "app@Boutique-d-ete app@at-4e7e314a"},
		{"registered twice", nil, []string{"/srv/a", "/srv/a/", "/srv/b"}, "app@a app@b"},
		{"listed and registered", []site.Place{{ID: "main", At: "/srv/a"}}, []string{"/srv/a", "/srv/b"}, "app@main app@b"},
		{"a name that is taken", []site.Place{{ID: "b", At: "/srv/a"}}, []string{"/srv/a", "/srv/b"}, "app@b app@srv-b"},
		{"too long", nil, []string{"/srv/" + strings.Repeat("x", 40), "/y"}, "app@at-3c8742cb app@y"},
	} {
		in := input(t, shops, v2)
		in.Site.Instances = map[string][]site.Place{"app": tt.list}
		r, err := plan.NewResolver(in.Installed, in.Site, plan.Facts{Places: map[string][]string{"app": tt.found}})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(slices.Clone(r.Product.Order), func(id string) bool { return id == "data" })
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}
