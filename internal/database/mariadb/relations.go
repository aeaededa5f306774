package mariadb

import (
	"context"
	"strings"
)

// relation is a table, sequence or view.
type relation struct {
	kind      string // table, sequence, view
	name      string
	engine    string // of tables
	versioned bool
}

// locked says that a snapshot does not show the table as of one moment: it must
// be locked while it is read.
func (r relation) locked() bool { return r.kind == "table" && r.engine != "InnoDB" }

// reserved begins the names of what a restore stages in the product's database.
const reserved = "_upkeep_"

// ours says that a name is that of something staged.
func ours(name string) bool { return strings.HasPrefix(name, reserved) }

// relations lists what is in the database, in order of names, staged things
// among them.
func (l *link) relations(ctx context.Context) ([]relation, error) {
	rows, err := l.table(ctx, `SELECT table_name AS n, table_type AS t, engine AS e FROM information_schema.tables
		WHERE table_schema = database() AND table_type <> 'TEMPORARY' ORDER BY table_name COLLATE utf8mb3_bin`)
	if err != nil {
		return nil, err
	}
	var out []relation
	for _, row := range rows {
		r := relation{kind: "table", name: row["n"], engine: row["e"], versioned: row["t"] == "SYSTEM VERSIONED"}
		switch row["t"] {
		case "VIEW", "SYSTEM VIEW":
			r.kind, r.engine = "view", ""
		case "SEQUENCE":
			r.kind, r.engine = "sequence", ""
		}
		out = append(out, r)
	}
	return out, nil
}
