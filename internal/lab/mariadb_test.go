package lab

import (
	"os"
	"strings"
	"testing"
)

func TestMariaDBServer(t *testing.T) {
	var pid int
	var dir string
	t.Run("runs", func(t *testing.T) {
		m := MariaDBServer(t)
		pid, dir = m.cmd.Process.Pid, m.dir
		m.SQL("", "CREATE DATABASE shop")
		if got := m.SQL("shop", "CREATE TABLE a (n INT, s TEXT); INSERT INTO a VALUES (1, 'x'), (2, 'ü'); SELECT * FROM a ORDER BY n"); got != "1\tx\n2\tü" {
			t.Errorf("rows = %q", got)
		}
		if _, err := m.MariaDB.SQL(t.Context(), "shop", "SELECT 1; SELECT no_such"); err == nil || !strings.Contains(err.Error(), "no_such") {
			t.Errorf("a wrong statement gave %v", err)
		}
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := m.Again(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := m.SQL("shop", "SELECT count(*) FROM a"); got != "2" {
			t.Errorf("after a crash there are %s rows", got)
		}
		pid = m.cmd.Process.Pid
	})
	if alive(pid) {
		t.Errorf("the server (pid %d) outlived its test", pid)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its data is still there: %v", err)
	}
}
