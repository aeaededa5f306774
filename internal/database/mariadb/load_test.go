package mariadb

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/database"
)

const small = opening + `-- a word to people
DELIMITER $upkeep$
-- upkeep {"kind":"session"}
SET 1
$upkeep$
-- upkeep {"kind":"rows","name":"t"}
INSERT
 1
$upkeep$
DELIMITER ;
-- upkeep {"kind":"end","name":"2"}
`

// TestDamaged: a dump is whole, or refused.
func TestDamaged(t *testing.T) {
	for _, c := range []struct {
		name, text string
		good       bool
	}{
		{"good", small, true},
		{"another format", strings.Replace(small, "format 1", "format 2", 1), false},
		{"a statement is missing", strings.Replace(small, "-- upkeep {\"kind\":\"session\"}\nSET 1\n$upkeep$\n", "", 1), false},
		{"no end", strings.Replace(small, "\n-- upkeep {\"kind\":\"end\",\"name\":\"2\"}", "", 1), false},
		{"more after the end", small + "DROP TABLE t;\n", false},
		{"a broken line", strings.Replace(small, `{"kind":"rows"`, `{"kind":`, 1), false},
		{"the last sign is missing", small[:len(small)-1], false},
	} {
		var got []string
		err := statements(strings.NewReader(c.text), func(t tag, text string) error {
			got = append(got, t.Kind+" "+t.Name+": "+text)
			return nil
		})
		if (err == nil) != c.good || err != nil && !errors.Is(err, database.ErrDamaged) {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff([]string{"session : SET 1", "rows t: INSERT\n 1"}, got); c.good && diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestDetach: what refers to other tables is taken out of a definition, and
// nothing else.
func TestDetach(t *testing.T) {
	const text = "CREATE TABLE `t` (\n  `a` int(11) NOT NULL DEFAULT nextval(`s``q`) COMMENT 'x, CONSTRAINT `k` FOREIGN KEY',\n  `b` int(11) DEFAULT 1,\n  KEY `b` (`b`),\n" +
		"  CONSTRAINT `k``1` FOREIGN KEY (`b`) REFERENCES `u` (`x`) ON DELETE CASCADE,\n  CONSTRAINT `c` CHECK (`a` > 0),\n  CONSTRAINT `k2` FOREIGN KEY (`a`) REFERENCES `o`.`u` (`x`)\n) ENGINE=InnoDB COMMENT='x'"
	bare, after := detach("t", text)
	if want := "CREATE TABLE `t` (\n  `a` int(11) NOT NULL COMMENT 'x, CONSTRAINT `k` FOREIGN KEY',\n  `b` int(11) DEFAULT 1,\n  KEY `b` (`b`),\n  CONSTRAINT `c` CHECK (`a` > 0)\n) ENGINE=InnoDB COMMENT='x'"; bare != want {
		t.Error(cmp.Diff(want, bare))
	}
	if diff := cmp.Diff([]string{
		"ALTER TABLE `t` ALTER COLUMN `a` SET DEFAULT (nextval(`s``q`))",
		"ALTER TABLE `t` ADD CONSTRAINT `k``1` FOREIGN KEY (`b`) REFERENCES `u` (`x`) ON DELETE CASCADE, ADD CONSTRAINT `k2` FOREIGN KEY (`a`) REFERENCES `o`.`u` (`x`)",
	}, after); diff != "" {
		t.Error(diff)
	}
}

// TestGrants: patterns of databases, roles and what is given on tables only.
func TestGrants(t *testing.T) {
	for _, c := range []struct {
		line string
		want bool // that it gives SELECT on shop_1
	}{
		{"GRANT SELECT, INSERT ON `shop_1`.* TO `a`@`%`", true},
		{"GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION", true},
		{"GRANT SELECT ON `shop\\_1`.* TO `a`@`%`", true},
		{"GRANT SELECT ON `shop%`.* TO `a`@`%`", true},
		{"GRANT SELECT ON `%`.* TO `r`", true},
		{"GRANT SELECT ON `shop\\_%2`.* TO `a`@`%`", false},
		{"GRANT SELECT ON `shop_1`.`t` TO `a`@`%`", false},
		{"GRANT SELECT ON `shop`.* TO `a`@`%`", false},
		{"GRANT INSERT ON `shop_1`.* TO `a`@`%`", false},
		{"GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*6'", false},
		{"GRANT `r` TO `a`@`%`", false},
	} {
		may := map[string]bool{}
		if grant(may, c.line, "shop_1"); may["SELECT"] != c.want {
			t.Errorf("%s: %v", c.line, may)
		}
	}
}
