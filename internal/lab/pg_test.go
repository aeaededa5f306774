package lab

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestPostgres(t *testing.T) {
	var pid int
	var dir string
	t.Run("runs", func(t *testing.T) {
		pg := Postgres(t)
		pid, dir = pg.cmd.Process.Pid, pg.dir
		pg.CreateDB("shop")
		if got := pg.Psql("shop", "CREATE TABLE a (n int, s text); INSERT INTO a VALUES (1, 'x'), (2, 'y'); SELECT * FROM a ORDER BY n"); got != "1|x\n2|y" {
			t.Errorf("rows = %q", got)
		}
		if got := pg.Psql("shop", "SHOW fsync"); got != "off" {
			t.Errorf("fsync = %q", got)
		}
		if _, err := pg.PG.Psql(t.Context(), "shop", "SELECT 1; SELECT no_such"); err == nil || !strings.Contains(err.Error(), "no_such") {
			t.Errorf("a wrong statement gave %v", err)
		}
		if err := pg.CopyDB(t.Context(), "shop", "shop2"); err != nil {
			t.Error(err)
		}
		if err := pg.DropDB(t.Context(), "shop"); err != nil {
			t.Error(err)
		}
		if got := pg.Psql("shop2", "SELECT count(*) FROM a"); got != "2" {
			t.Errorf("the copy has %s rows", got)
		}
		out, err := exec.Command(pg.Bin+"/psql", "-w", strings.Replace(pg.DSN("shop2"), pg.Password, "wrong", 1), "-c", "SELECT 1").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "password authentication failed") {
			t.Errorf("a wrong password gave %v: %s", err, out)
		}
	})
	if alive(pid) {
		t.Errorf("the server (pid %d) outlived its test", pid)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its data is still there: %v", err)
	}
}

func TestPostgresWritesThroughWhenAsked(t *testing.T) {
	pg := PostgresWith(t, PGOptions{Fsync: true})
	if got := pg.Psql("postgres", "SHOW fsync"); got != "on" {
		t.Errorf("fsync = %q", got)
	}
}
