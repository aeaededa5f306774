package site_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
	"upkeep/internal/site"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shop is the product that the installations of the tests install.
const shop = `product: {id: shop, versions: dotted}
params:
  root: {title: Folder, ask: install, type: path}
  port: {type: int, default: 8090}
  tls: {type: bool, default: false}
  dsn: {ask: install, type: secret}
  mail: {ask: when-needed}
roles: {web: {nodes: many}, db: {nodes: 1}}
components:
  app: {kind: tree, at: "${param.root}/app", independent: true}
  database: {kind: postgres, at: "${param.dsn}"}
features:
  - {group: Tickets, choose: one, of: {simple: {}, itil: {of: {portal: {}}}}}
`

func product(t testing.TB) *manifest.Product {
	t.Helper()
	nodes, err := yaml.Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := manifest.Decode(document.Source{Name: "shop.yaml", Text: []byte(shop)}, nodes)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	return p
}

func decode(name, text string) (*site.Installation, error) {
	nodes, err := yaml.Parse(name, []byte(text))
	if err != nil {
		return nil, err
	}
	return site.Decode(document.Source{Name: name, Text: []byte(text)}, nodes)
}

func TestDecode(t *testing.T) {
	in, err := decode("f", `installation: {id: shop-1, product: shop, state: state}
backup: {dir: /var/backups, keep: 5, prove: ahead}
nodes: {a: {address: 10.0.0.1, roles: [web]}}
instances: {app: [{id: one, at: /srv/one}, {id: two, at: /srv/two}]}
params: {root: /srv, port: 8091, tls: true, dsn: {file: /etc/dsn}, api_token: {env: TOKEN}}
choices: [itil, portal]
waivers: {space: {by: Ada, why: "the volume grows", until: "2026-01-31"}}
edited: {conf/app.ini: keep-aside}
hooks: [{dir: /etc/hooks, name: "[0-9][0-9]*", phase: after-install, as: shop}]
notify: [/usr/bin/tell, all]
time-zone: Europe/Paris
windows: [{days: "mon-fri, sun", from: "22:00", to: "04:00"}]
freezes: [{from: "2026-12-20T18:00", to: "2027-01-06", why: "the year's end"}]
notifications:
  - {id: anna, for: administrators, mail: {server: "smtp.example.org:587", from: upkeep@example.org, to: [anna@example.org], user: upkeep, password: {file: /etc/upkeep/mail}, ca: {file: /etc/ca}}, before: [1h, 2d]}
  - {id: chat, for: users, webhook: {url: "https://chat.example.org/hook?x=1", secret: {file: /etc/upkeep/chat}}, events: [started, done]}
gate: {use: never, ports: [8080, "${param.port}"]}
on-failure: stay
rehearse: data
limits: {migrate: 2h}
`)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	want := &site.Installation{ID: "shop-1", Product: "shop", State: "state", Backup: site.BackupPlace{Dir: "/var/backups", Keep: site.Retention{Last: 5}, Prove: "ahead"},
		Nodes:     map[string]site.Node{"a": {Address: "10.0.0.1", Roles: []string{"web"}}},
		Instances: map[string][]site.Place{"app": {{ID: "one", At: "/srv/one"}, {ID: "two", At: "/srv/two"}}},
		Params: map[string]site.Value{"root": {Text: "/srv"}, "port": {Text: "8091"}, "tls": {Text: "true"},
			"dsn": {Ref: &site.SecretRef{File: "/etc/dsn"}}, "api_token": {Ref: &site.SecretRef{Env: "TOKEN"}}},
		Choices:  []string{"itil", "portal"},
		Waivers:  map[string]site.Waiver{"space": {By: "Ada", Why: "the volume grows", Until: "2026-01-31"}},
		Edited:   map[string]string{"conf/app.ini": "keep-aside"},
		Hooks:    []site.Hook{{Dir: "/etc/hooks", Name: "[0-9][0-9]*", Phase: "after-install", As: "shop"}},
		Notify:   []string{"/usr/bin/tell", "all"},
		TimeZone: "Europe/Paris", Windows: []site.Window{{Days: "mon-fri, sun", From: "22:00", To: "04:00"}},
		Freezes: []site.Freeze{{From: "2026-12-20T18:00", To: "2027-01-06", Why: "the year's end"}},
		Notifications: []site.Notification{
			{ID: "anna", For: "administrators", Before: []time.Duration{time.Hour, 48 * time.Hour}, Mail: &site.Mail{Server: "smtp.example.org:587", From: "upkeep@example.org",
				To: []string{"anna@example.org"}, User: "upkeep", Password: &site.SecretRef{File: "/etc/upkeep/mail"}, CA: "/etc/ca"}},
			{ID: "chat", For: "users", Events: []site.Event{site.Started, site.Finished}, Webhook: &site.Webhook{URL: "https://chat.example.org/hook?x=1", Secret: &site.SecretRef{File: "/etc/upkeep/chat"}}}},
		Gate: site.Gate{Use: "never", Ports: []string{"8080", "${param.port}"}}, OnFailure: "stay", Rehearse: "data",
		Limits: map[string]time.Duration{"migrate": 2 * time.Hour}}
	places := cmp.FilterPath(func(p cmp.Path) bool { name := p.Last().String(); return name == ".Pos" || name == ".Places" }, cmp.Ignore())
	if diff := cmp.Diff(want, in, places); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeRestic(t *testing.T) {
	in, err := decode("f", `installation: {id: shop-1, product: shop}
backup:
  engine: restic
  repository: "s3:https://nas.example/points"
  password: {file: /etc/secret}
  environment: {AWS_ACCESS_KEY_ID: {env: ID}, AWS_SECRET_ACCESS_KEY: {file: /etc/key}, AWS_DEFAULT_REGION: here}
  program: /opt/restic
  bandwidth: 20 MiB/s
`)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	want := site.BackupPlace{Engine: "restic", Repository: "s3:https://nas.example/points", Password: &site.SecretRef{File: "/etc/secret"}, Program: "/opt/restic", Bandwidth: 20 << 20,
		Environment: map[string]site.Value{"AWS_ACCESS_KEY_ID": {Ref: &site.SecretRef{Env: "ID"}}, "AWS_SECRET_ACCESS_KEY": {Ref: &site.SecretRef{File: "/etc/key"}}, "AWS_DEFAULT_REGION": {Text: "here"}}}
	if diff := cmp.Diff(want, in.Backup, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Pos" }, cmp.Ignore())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestMistakes: each file of testdata/mistakes holds one kind of mistake; what
// is said about it stands beside it, and never the secret.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := report(t, name+".yaml", string(text))
			if got == "" {
				t.Fatal("no mistake is found")
			}
			if strings.Contains(got, "hunter") {
				t.Fatalf("a secret is shown:\n%s", got)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func report(t *testing.T, name, text string) string {
	in, err := decode(name, text)
	if err != nil {
		return document.Pretty(err) + "\n"
	}
	var b strings.Builder
	for _, f := range site.Lint(in, product(t)) {
		b.WriteString(f.Level + " " + f.ID + "\n" + f.In(document.Source{Name: name, Text: []byte(text)}).Pretty() + "\n\n")
	}
	return b.String()
}

func TestExamplesDecodeAndLint(t *testing.T) {
	for _, c := range []struct{ installation, product string }{
		{"../../examples/notes/installation.yaml", "../../examples/notes/product.yaml"},
		{"../../examples/miniflux/installation.yaml", "../../examples/miniflux/upkeep.yaml"},
	} {
		text, err := os.ReadFile(c.installation)
		if err != nil {
			t.Fatal(err)
		}
		in, err := decode(c.installation, string(text))
		if err != nil {
			t.Fatal(document.Pretty(err))
		}
		if text, err = os.ReadFile(c.product); err != nil {
			t.Fatal(err)
		}
		nodes, err := yaml.Parse(c.product, text)
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := manifest.Decode(document.Source{Name: c.product, Text: text}, nodes)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range site.Lint(in, p) {
			t.Error(f.Error())
		}
	}
}

// FuzzDecode: decoding and lint end without a panic, whatever YAML says.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/mistakes/*.yaml", "../../examples/*/installation.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	p := product(f)
	f.Fuzz(func(t *testing.T, text string) {
		nodes, err := yaml.Parse("f", []byte(text))
		if err != nil {
			return
		}
		in, err := site.Decode(document.Source{Name: "f", Text: []byte(text)}, nodes)
		if err != nil {
			var all document.Errors
			if !errors.As(err, &all) || len(all) == 0 || in != nil {
				t.Fatalf("%T %v, %v", err, err, in)
			}
			_ = all.Pretty()
			return
		}
		for _, finding := range site.Lint(in, p) {
			_ = finding.In(document.Source{Name: "f", Text: []byte(text)}).Pretty()
		}
	})
}
