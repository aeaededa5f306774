package probe

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/database"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

func TestSQL(t *testing.T) {
	path := t.TempDir() + "/notes.db"
	setUp, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := setUp.Exec("CREATE TABLE v (version TEXT); INSERT INTO v VALUES ('3.0'), (NULL), ('')"); err != nil {
		t.Fatal(err)
	}
	setUp.Close()
	closed, opened, session := 0, 0, ""
	e := New(Deps{Database: func(_ context.Context, db plan.Database, opID string) (database.Database, error) {
		if db.Path == "" {
			return nil, database.ErrUnreachable
		}
		opened, session = opened+1, opID
		return counted{sqlite.New(sqlite.Config{Path: db.Path, FS: durable.OS(), OpID: opID, Temp: t.TempDir()}), &closed}, nil
	}})
	in := func(statement, path string, expect ...string) plan.Probe {
		return plan.Probe{Source: "sql", Args: []string{statement}, Expect: expect, DB: &plan.Database{Component: "database", Kind: "sqlite", Path: path}}
	}
	for _, r := range []row{
		{p: in("SELECT version FROM v WHERE version > ''", path, ">= 2.0"), ok: true, got: "3.0", evidence: "in database database"},
		{p: in("SELECT count(*) FROM v", path, "3"), ok: true, got: "3"},
		{p: in("SELECT version FROM v WHERE version IS NULL", path), got: "none", evidence: "gave no row"},
		{p: in("SELECT version FROM v WHERE version = ''", path, "none"), ok: true, got: "none"},
		{p: in("SELECT 1 WHERE 1 = 0", path, "none"), ok: true, got: "none"},
		{p: in("SELECT missing FROM v", path, "none"), err: "no such column"},
		{p: in("SELECT 1", "", "none"), err: "cannot read sql database: the database server does not answer"},
		{p: plan.Probe{Source: "sql", Args: []string{"SELECT 1"}}, err: "it names no database"},
	} {
		r.check(t, e.For("run1/verify/do"))
	}
	if session != "run1/verify/do" {
		t.Errorf("the session is named %q", session)
	}
	if opened == 0 || closed != opened {
		t.Errorf("%d databases opened, %d closed", opened, closed)
	}
	row{p: in("SELECT 1", path), err: "no database can be opened here"}.check(t, New(Deps{}))
}

// manager stands where the service manager's State is asked.
type manager map[string]error

func (m manager) Running(_ context.Context, s plan.Service) (bool, string, error) {
	err, runs := m[s.ID]
	return runs, "pid 7", err
}

func (m manager) StartType(_ context.Context, s plan.Service) (string, error) {
	return "disabled", m[s.ID]
}

func TestStartType(t *testing.T) {
	e := New(Deps{Services: manager{"web": nil, "ill": errors.New("no answer from the manager")}})
	of := func(id, sel string, expect ...string) plan.Probe {
		return plan.Probe{Source: "service", Args: []string{id}, Service: &plan.Service{ID: id}, Select: sel, Expect: expect}
	}
	for _, r := range []row{
		{p: of("web", "start-type", "disabled"), ok: true, got: "disabled", evidence: "service web is disabled"},
		{p: of("web", "start-type", "enabled"), got: "disabled"},
		{p: of("ill", "start-type", "enabled"), err: "cannot read service ill: no answer from the manager"},
		{p: of("web", "start-type"), err: "it does not say which start type"},
		{p: of("web", "state", "enabled"), err: "state cannot be selected: use one of start-type"},
	} {
		r.check(t, e)
	}
	row{p: of("web", "start-type", "enabled"), err: "no service manager here that knows start types"}.check(t, New(Deps{Services: onlyRunning{}}))
}

type onlyRunning struct{}

func (onlyRunning) Running(context.Context, plan.Service) (bool, string, error) { return true, "", nil }

func TestService(t *testing.T) {
	e := New(Deps{Services: manager{"web": nil, "ill": errors.New("no answer from the manager")}})
	service := func(id string, expect ...string) plan.Probe {
		return plan.Probe{Source: "service", Args: []string{id}, Service: &plan.Service{ID: id}, Expect: expect}
	}
	for _, r := range []row{
		{p: service("web"), ok: true, got: "running", evidence: "service web is running: pid 7"},
		{p: service("web", "stopped"), got: "running"},
		{p: service("down"), got: "stopped"},
		{p: service("down", "stopped"), ok: true, got: "stopped"},
		{p: service("ill", "stopped"), err: "cannot read service ill: no answer from the manager"},
		{p: plan.Probe{Source: "service", Args: []string{"web"}}, err: "it names no service"},
	} {
		r.check(t, e)
	}
	row{p: service("web"), err: "there is no service manager here"}.check(t, New(Deps{}))
}

func TestAccess(t *testing.T) {
	var on []string
	var err error
	e := New(Deps{LeftOver: func(context.Context) ([]string, error) { return on, err }})
	p := plan.Probe{Source: "access", Args: []string{"left-over"}}
	row{p: p, ok: true, got: "none", evidence: "no access mode is on"}.check(t, e)
	on = []string{"gate", "maintenance"}
	row{p: p, got: "gate, maintenance", evidence: "gate, maintenance is on, though no run is open"}.check(t, e)
	err = errors.New("the journal is damaged")
	row{p: p, err: "cannot read access left-over: the journal is damaged"}.check(t, e)
	row{p: p, err: "cannot be looked at here"}.check(t, New(Deps{}))
	row{p: plan.Probe{Source: "access", Args: []string{"maintenance"}}, err: "left-over"}.check(t, e)
}

func TestFeed(t *testing.T) {
	day := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	now := FeedReading{Published: "20.5", PublishedAt: day, Detected: "20.4", DetectedAt: day.Add(-time.Hour), Late: 25*time.Hour + time.Millisecond}
	var err error
	e := New(Deps{Feed: func(context.Context) (FeedReading, error) { return now, err }})
	evidence := "published is 20.5 (2026-03-01T10:00:00Z), detected 20.4 (2026-03-01T09:00:00Z)"
	row{p: probe("feed", "age", "expect=<= 1d"), got: "25h0m0s", evidence: evidence}.check(t, e)
	row{p: probe("feed", "age", "expect=<= 2d"), ok: true, got: "25h0m0s"}.check(t, e)
	row{p: probe("feed", "published", "expect=> 20.4"), ok: true, got: "20.5"}.check(t, e)
	row{p: probe("feed", "published-at"), ok: true, got: "2026-03-01T10:00:00Z"}.check(t, e)
	row{p: probe("feed", "detected"), ok: true, got: "20.4"}.check(t, e)
	row{p: probe("feed", "detected-at"), ok: true, got: "2026-03-01T09:00:00Z"}.check(t, e)
	now = FeedReading{Published: "20.5\x1b[2J"}
	row{p: probe("feed", "age", "expect=<= 1d"), ok: true, got: "0s", evidence: "detected none"}.check(t, e)
	row{p: probe("feed", "detected"), got: "none"}.check(t, e)
	now = FeedReading{} // nobody has looked
	row{p: probe("feed", "age", "expect=<= 1d"), got: "none"}.check(t, e)
	err = errors.New("no route to host")
	row{p: probe("feed", "age"), err: "cannot read feed age: no route to host"}.check(t, e)
	row{p: probe("feed", "youth"), err: "age"}.check(t, e)
	row{p: probe("feed", "age"), err: "cannot be looked at here"}.check(t, New(Deps{}))
}

func TestUnknownSources(t *testing.T) {
	e := New(Deps{})
	row{p: plan.Probe{Source: "fiel", Args: []string{"x"}}, err: `there is no source "fiel": file was probably meant: use one of access, account, address, age,`}.check(t, e)
	for _, source := range Sources() {
		if err := Validate(plan.Probe{Source: source, Params: map[string]string{"unknown": "x"}, Args: []string{"x"}}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s takes an unknown key: %v", source, err)
		}
	}
}

func TestOrders(t *testing.T) {
	path := write(t, t.TempDir()+"/v", "7.5 HF6")
	listed := []string{"7.1", "7.1 SP2", "7.5", "7.5 HF6", "7.5 SP1"}
	e := New(Deps{})
	p := probe("file", path, "expect=>= 7.5, < 7.5 SP1")
	p.Order, p.Versions = "listed", listed
	row{p: p, ok: true, got: "7.5 HF6"}.check(t, e)
	p.Expect = []string{"> 7.4"}
	row{p: p, err: "nothing can be compared"}.check(t, e)
	p.Order, p.Versions = "latest", nil
	row{p: p, err: `unknown version order "latest"`}.check(t, e)
	row{p: probe("file", path, "compare=words"), err: `cannot compare as "words"`}.check(t, e)
}

// What the grammar lets a vendor write is read.
func TestSourcesOfTheGrammar(t *testing.T) {
	if diff := cmp.Diff(manifest.Sources(), Sources()); diff != "" {
		t.Errorf("-the grammar's, +ours:\n%s", diff)
	}
}

// Probes of a sitting share connections, one that hangs holds up no other, and
// nothing stays open.
func TestConnectionsOfASitting(t *testing.T) {
	path := t.TempDir() + "/notes.db"
	if setUp, err := sql.Open("sqlite", path); err != nil {
		t.Fatal(err)
	} else if _, err := setUp.Exec("CREATE TABLE v (x)"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	opened, closed := 0, 0
	e, end := New(Deps{Database: func(ctx context.Context, db plan.Database, opID string) (database.Database, error) {
		mu.Lock()
		defer mu.Unlock()
		opened++
		return &slow{counted{sqlite.New(sqlite.Config{Path: path, FS: durable.OS(), Temp: t.TempDir()}), &closed}}, nil
	}}).Sitting()
	ask := func(statement string) plan.Probe {
		return plan.Probe{Source: "sql", Args: []string{statement}, DB: &plan.Database{Component: "database", Kind: "sqlite", Path: path}, Params: map[string]string{"timeout": "1s"}}
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { row{p: ask("hang"), err: "no answer within 1s"}.check(t, e) })
	}
	for range 20 {
		wg.Go(func() { row{p: ask("SELECT 7"), ok: true, got: "7"}.check(t, e) })
	}
	wg.Wait()
	end()
	if opened > 12 || opened < 3 {
		t.Errorf("%d connections for 20 questions and 3 that hang", opened)
	}
	waitFor(t, func() bool { mu.Lock(); defer mu.Unlock(); return closed == opened })
}

// slow is a database of which one statement hangs.
type slow struct{ database.Database }

func (s *slow) Query(ctx context.Context, sql string) (string, error) {
	if sql == "hang" {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return s.Database.Query(ctx, sql)
}
