package manage

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
)

// A database server that the run has stopped itself must not stand in the way
// of the way back.
func TestReaperWithoutTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dsn := fmt.Sprintf("postgres://nobody@127.0.0.1:%d/none?sslmode=disable", port)
	raw, err := json.Marshal(plan.BackupParams{Databases: []plan.Database{{Component: "db", Kind: "postgres", Plain: dsn}}})
	if err != nil {
		t.Fatal(err)
	}
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := &Installation{FS: durable.OS(), State: t.TempDir(), runner: runner}
	in.databases = local.Databases{FS: in.FS}
	r := &reaper{in: in, plan: &plan.Plan{Steps: []plan.Step{{ID: "backup", Verb: "backup", Params: raw}}}}
	if n, err := r.End(t.Context(), "r/stop.db/do"); n != 0 || err != nil {
		t.Errorf("with the server stopped: %d, %v", n, err)
	}
	raw, _ = json.Marshal(plan.BackupParams{Databases: []plan.Database{{Component: "db", Kind: "oracle"}}})
	r.plan.Steps[0].Params = raw
	if _, err := r.End(t.Context(), "r/stop.db/do"); err == nil {
		t.Error("a database that cannot be reached in any way is passed over")
	}
}
