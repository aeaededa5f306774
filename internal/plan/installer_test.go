package plan_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

const byInstaller = `
product: {id: shop, versions: dotted}
components:
  suite: {kind: installer, version: {file: /opt/suite/VERSION}}
  data: {kind: sqlite, at: /srv/shop/shop.db}
services: [{id: web, run: [/opt/suite/serve], as: shop, ports: ["8080"]}]
`

const installer2 = `
release: {product: shop, version: "2.0"}
routes: [{from: ">= 1.0"}]
payloads: {suite: suite.tar.zst}
procedure: {install: [{install: suite, run: ["${this.path}/setup", --quiet], as: root, undo: {run: ["${this.path}/setup", --remove], as: root}}]}
`

func TestInstaller(t *testing.T) {
	p := compile(t, input(t, byInstaller, installer2))
	s, ok := p.Find("h1.install.suite")
	if !ok || s.Verb != "run" || s.Undo != "action" || s.As != "root" {
		t.Fatalf("the installer is step %+v of\n%s", s, show(p))
	}
	var r plan.RunParams
	if err := json.Unmarshal(s.Params, &r); err != nil {
		t.Fatal(err)
	}
	const at = "/var/lib/upkeep/.installer-suite.upkeep/${run.id}-h1"
	if r.Args[0] != at+"/setup" || r.Undo == nil || r.Undo.Args[0] != at+"/setup" || len(r.Verify) != 1 || r.Verify[0].Expect[0] != "2.0" {
		t.Errorf("it runs as %+v", r)
	}
	if st, ok := p.Find("h1.stage.suite"); !ok || !strings.Contains(string(st.Params), at) {
		t.Errorf("it is not unpacked where it is run: %+v", st)
	}
	for name, tt := range map[string]struct{ product, release, want string }{
		"nothing reads it back": {strings.Replace(byInstaller, ", version: {file: /opt/suite/VERSION}", "", 1), installer2, "an installer that ends well proves nothing"},
		"no way back":           {byInstaller, strings.Replace(installer2, `, undo: {run: ["${this.path}/setup", --remove], as: root}`, "", 1), "does not say what takes it back"},
		"no command":            {byInstaller, strings.Replace(installer2, `{install: [{install: suite, run: ["${this.path}/setup", --quiet], as: root, undo: {run: ["${this.path}/setup", --remove], as: root}}]}`, "{notify: none}", 1), "nothing says how it is run"},
		"no account":            {with(byInstaller, "services: []"), strings.ReplaceAll(installer2, ", as: root", ""), "root must be written"},
	} {
		_, err := plan.Compile(input(t, tt.product, tt.release))
		var refusal *plan.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want a refusal with %q", name, err, tt.want)
		}
	}
}
