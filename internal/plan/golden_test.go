package plan_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	maintenance = `access: {maintenance: {marker: data/maintenance, users: none}}`
	both        = `access: {maintenance: {marker: /srv/shop/down, users: none}, read-only: {marker: /srv/shop/ro, users: read, refused: {http: "http://127.0.0.1:8080/write", method: POST, status: "403"}}}`
	settings    = `settings: {cron: {read: {command: [cron, get]}, write: {run: [cron, set, "${value}"]}}, theme: {read: {command: [theme, get]}, write: {run: [theme, set, "${value}"]}}}`
)

// notRoot is how Upkeep runs without rights: no gate, no other accounts.
func notRoot(in *plan.Input) {
	in.Facts.Root, in.Facts.Account, in.Facts.Gate = false, "shop", "it needs root"
}

// golden is a plan that is kept as a file.
type golden struct {
	name     string
	product  string
	releases []string
	change   func(*plan.Input)
}

func TestGolden(t *testing.T) {
	hookDir := func(names ...string) func(*plan.Input) {
		return func(in *plan.Input) {
			for _, n := range names {
				in.Facts.HookDirs["/srv/shop/hooks"] = append(in.Facts.HookDirs["/srv/shop/hooks"], plan.HookEntry{Name: n, SHA256: "sum of " + n})
			}
		}
	}
	tests := []golden{
		{"plain product behind the gate", shop, []string{v2}, nil},
		{"not root with a mode of its own", with(shop, maintenance), []string{v2}, notRoot},
		{"no gate and no mode", shop, []string{v2}, notRoot},
		{"two hops", shop, []string{v2, v3}, nil},
		{"read-only with a refused write", with(shop, both), []string{with(v2, `+before-backup: [{run: [flush], as: shop, undo: none}]`, `+maintenance: [{run: [tell], as: shop, undo: none}]`)}, nil},
		{"read-only that nothing shows", with(shop, `access: {read-only: {marker: /srv/shop/ro, users: read}}`), []string{v2}, nil},
		{"holds over two hops", with(shop, settings), []string{with(v2,
			`+start-of-run: [{hold: {setting: cron}, to: disabled, until: verify}, {hold: {setting: theme}, to: plain, until: end-of-run}]`),
			with(v3, `+before-install: [{hold: {setting: cron}, to: paused, until: migrate}]`)}, nil},
		{"a hold that a landing must end", with(shop, settings), []string{with(v2,
			`+start-of-run: [{hold: {setting: cron}, to: disabled, until: migrate}]`), v3}, nil},
		{"hooks by phase and component", with(shop, `hooks: [{by: site, dir: /srv/shop/hooks, name: "${phase}[_-]${component}.sh", phase: any, as: shop}]`,
			`components: {app: {kind: tree, at: /srv/shop/app, aliases: [shopapp], version: {file: /srv/shop/app/VERSION}}, data: {kind: sqlite, at: /srv/shop/shop.db}}`),
			[]string{v2}, hookDir("STARTUPDATE_app.sh", "PREBACKUP-app.sh", "POSTBACKUP_app.sh", "PREINSTALL_shopapp.sh", "POSTINSTALL-shopapp.sh", "POSTINSTALL_app.sh", "ENDUPDATE_data.sh",
				"preinstall_app.sh", "POSTINSTALL_shop.sh", "README")},
		{"settings recorded and applied again", with(shop, settings), []string{with(v2, `+record: [{record: [cron, theme]}]`)}, nil},
		{"all that a step can say", shop, []string{with(v2,
			`+drain: [{drain: {command: [jobs], expect: "0"}, within: 3m, or: {run: [kill-jobs], as: shop}}]`,
			`+after-install: [{run: [reindex], as: shop, undo: restore, repeatable: true, retry: {times: 2, every: 1m}, within: 7m, id: index}, {run: [warm], as: root, undo: {run: [cool], as: root}, on-failure: warn}]`,
			`+end-of-run: [{run: [mail], as: shop}]`, `+clean-up: [{run: [sweep], as: shop}]`, `+notify: [{notify: users, outage: 5m}]`)},
			func(in *plan.Input) { in.Site.Notify = []string{"/bin/wall"} }},
		{"two releases that add to the same points", with(shop, settings), []string{with(v2,
			`+drain: [{drain: {command: [jobs], expect: "0"}}]`, `+stop: [{run: [first-stop], as: shop, undo: none}]`, `+end-of-run: [{run: [mail], as: shop}]`),
			with(v3, `+drain: [{drain: {command: [jobs], expect: "0"}}, {run: [more], as: shop, undo: none}]`, `+stop: [{run: [second-stop], as: shop, undo: none}]`)}, nil},
		{"migrates when it starts", selfish, []string{s2, s3}, nil},
		{"migrates when it starts, in the open", selfish, []string{s2}, notRoot},
		{"migrates when it starts, by a start of the vendor's", selfish, []string{with(s2, `procedure: {start: none, after-install: [{start: [web]}]}`)}, nil},
		{"a mode for a span of steps", with(shop, `access: {maintenance: {marker: /srv/shop/down, users: none}}`), []string{with(v2,
			`+maintenance: none`, `+install: [{access: maintenance, during: [{install: app}, {run: [compile], as: shop, undo: restore}]}]`)}, nil},
	}
	tests = append(tests, instanceGoldens()...)
	tests = append(tests, firstGoldens()...)
	tests = append(tests, addedGoldens()...)
	tests = append(tests, routeGoldens()...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := input(t, tt.product, tt.releases...)
			if tt.change != nil {
				tt.change(&in)
			}
			got := show(compile(t, in))
			path := filepath.Join("testdata", strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(tt.name)+".golden")
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
