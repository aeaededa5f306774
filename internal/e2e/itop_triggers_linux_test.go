package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// throughModes says that a run went through iTop's own modes: read-only from
// its beginning on, maintenance only while the model is compiled.
func throughModes(t *testing.T, s *sitetest.Site) {
	t.Helper()
	wants(t, s.Log(), `begin do read-only.*begin do h1\.maintenance.*begin do h1\.run\.compile.*begin do h1\.leave.*begin do reopen\.read-only`)
	for _, marker := range []string{"data/.readonly", "data/.maintenance"} {
		if s.Exists(marker) {
			t.Errorf("%s is still there", marker)
		}
	}
}

// What starts a run is declared by the product, recorded with who it was and
// from where, and the mechanism is the same for all four. What is pushed is
// signed by whom the installation trusts for just that.
func TestItopTriggers_S0(t *testing.T) {
	lab.Slow(t)
	s := itop(t)
	s.Trusts("extension-push", "hub")
	s.Trusts("model-push", "designer")
	unsigned := s.Push("extension")
	extension, model := s.Sign(unsigned, "hub", "extension-push"), s.Sign(s.Push("model"), "designer", "model-push")
	t.Run("undeclared", func(t *testing.T) {
		r := untouched(t, s, 3, "upgrade", "--yes", "--trigger", "hub", "--from", s.Releases)
		wants(t, flat(r.Err), `itop has no trigger "hub": it declares application-upgrade, extension-push, model-push, setup`)
		s.Must(2, "upgrade", "--yes", "--trigger", "back", "--from", s.Releases)
	})
	t.Run("S0_38_application_upgrade", func(t *testing.T) {
		s.Must(0, "upgrade", "--yes", "--trigger", "application-upgrade", "--from", filepath.Join(s.Releases, "itop-3.2.0.tar.zst"))
		throughModes(t, s)
		wants(t, s.Must(0, "runs", "list").Out, `3\.1\.0 → 3\.2\.0 .*by [a-z]+, application-upgrade`)
		wants(t, s.Must(0, "runs", "show").Out, `started by [a-z]+`)
		wants(t, s.Must(0, "runs", "show", "--format", "json").Out, `"trigger": "application-upgrade",\s+"origin": \{\s+"account": "[a-z]+"`)
	})
	t.Run("S0_36_extension_push", func(t *testing.T) {
		r := untouched(t, s, 3, "upgrade", "--yes", "--trigger", "extension-push", "--from", unsigned)
		wants(t, flat(r.Err), `nobody has signed it .*trusts for extension-push: hub \([0-9a-f]{12}\)`)
		shown := s.Must(0, "plan", "--trigger", "extension-push", "--from", extension).Out
		wants(t, flat(shown), `This push is signed by the key hub \([0-9a-f]{12}\)`)
		wants(t, shown, `app +3\.2\.0 \(stays\).*extensions +1\.0 → 1\.1`)
		s.Must(0, "upgrade", "--yes", "--trigger", "extension-push", "--from", extension)
		throughModes(t, s)
		if got := s.Read("extensions/storage/module.txt"); got != "storage management\n" {
			t.Errorf("the extension reads %q", got)
		}
		wants(t, s.Must(0, "runs", "list").Out, `3\.2\.0 → 3\.2\.0 .*by [a-z]+, extension-push`)
		wants(t, s.Must(0, "upgrade", "--yes", "--trigger", "extension-push", "--from", extension).Out, `up to date: 3\.2\.0`)
	})
	t.Run("S0_37_model_push", func(t *testing.T) {
		r := untouched(t, s, 3, "upgrade", "--yes", "--trigger", "model-push", "--from", s.Sign(s.Push("model"), "hub", "model-push"))
		wants(t, flat(r.Err), `signed it for model-push, and is not trusted for that`)
		t.Run("S0_39_needs_an_entitlement", func(t *testing.T) {
			r := untouched(t, s, 3, "upgrade", "--yes", "--trigger", "model-push", "--from", model)
			wants(t, flat(r.Err), `the trigger model-push needs the entitlement designer, which is not there`)
		})
		s.Write("conf/designer.key", "K-2026\n", 0o640)
		s.Must(0, "upgrade", "--yes", "--trigger", "model-push", "--from", model)
		throughModes(t, s)
		wants(t, s.Read("model/model.xml"), `<classes/>`)
		if got := s.Read("app/env-production/design"); got != "2.0\n" {
			t.Errorf("the compiled model is %q", got)
		}
		if got := s.Read("extensions/VERSION"); got != "1.1\n" {
			t.Errorf("the extensions are %q: a model push changes the model only", got)
		}
	})
}

// The setup is a trigger like the others; and whatever starts them, one run is
// under way at a time.
func TestItopSetup_S0_35(t *testing.T) {
	s := itop(t)
	extension := s.Push("extension")
	held := filepath.Join(s.Marks, "go-on")
	s.Hook("hooks/PREBACKUP.sh", "while [ ! -e "+held+" ]; do sleep 0.01; done")
	known := len(s.Runs())
	wait := s.Began("upgrade", "--yes", "--trigger", "setup", "--from", s.Releases)
	if err := s.Follow(known, patience, func(e manage.Event) bool { return e.Kind == manage.EventBegan && e.Step == "read-only" }); err != nil {
		t.Fatal(err)
	}
	r := s.Must(1, "upgrade", "--yes", "--trigger", "extension-push", "--from", extension)
	wants(t, flat(r.Err), `started by [a-z]+ \(setup\), is under way.*one run at a time`)
	if err := os.WriteFile(held, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := wait(); r.Code != 0 {
		t.Fatalf("%v\n%s", r, s.Log())
	}
	throughModes(t, s)
	wants(t, s.Must(0, "runs", "list").Out, `by [a-z]+, setup`)
	if n := len(s.Runs()); n != 1 {
		t.Errorf("%d runs, want one", n)
	}
}

// Two pushes come at once: one is carried out, the other is told who was first,
// and comes again.
func TestItopPushedAtOnce(t *testing.T) {
	lab.Slow(t)
	s := itop(t)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	s.Trusts("extension-push", "hub")
	s.Trusts("model-push", "designer")
	s.Write("conf/designer.key", "K-2026\n", 0o640)
	held := filepath.Join(s.Marks, "go-on")
	s.Hook("hooks/PREBACKUP.sh", "while [ ! -e "+held+" ]; do sleep 0.01; done")
	pushes := [][]string{
		{"upgrade", "--yes", "--trigger", "extension-push", "--from", s.Sign(s.Push("extension"), "hub", "extension-push")},
		{"upgrade", "--yes", "--trigger", "model-push", "--from", s.Sign(s.Push("model"), "designer", "model-push")},
	}
	type ended struct {
		n int
		sitetest.Result
	}
	done := make(chan ended)
	for n, args := range pushes {
		wait := s.Began(args...)
		go func() { done <- ended{n, wait()} }()
	}
	lost := <-done // the winner waits for the hook
	wants(t, flat(lost.Err), `started by [a-z]+ \(`+pushes[1-lost.n][3]+`\), is (open|under way).*one run at a time`)
	if lost.Code != 1 {
		t.Errorf("%v", lost.Result)
	}
	if err := os.WriteFile(held, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if won := <-done; won.Code != 0 {
		t.Fatalf("%v\n%s", won.Result, s.Log())
	}
	if n := len(s.Runs()); n != 2 {
		t.Errorf("%d runs, want the upgrade and one push", n)
	}
	s.Must(0, pushes[lost.n]...)
	if got := s.Read("extensions/VERSION") + s.Read("app/env-production/design"); got != "1.1\n2.0\n" {
		t.Errorf("extension and model are %q", got)
	}
}
