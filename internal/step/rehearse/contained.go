package rehearse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"upkeep/internal/database"
)

// What reaches beyond one database: a script that holds it is not tried on a
// copy, for it would change what is live. The whole text counts, with comments
// and texts that a script may execute.
var (
	beyond = map[string][]*regexp.Regexp{
		"postgres": words(`(create|alter|drop)\s+(role|user|group|database|tablespace|subscription|publication|server)`, `alter\s+system`, `user\s+mapping`,
			`(grant|revoke|comment|label|owner)\s[^;]*\son\s+(database|tablespace|role|foreign)`, `reassign\s+owned`, `drop\s+owned`, `dblink\w*`, `postgres_fdw`, `(from|to)\s+program`, `lo_(im|ex)port`,
			`pg_(terminate|cancel)_backend`, `pg_(reload_conf|file_\w+|read_\w*file|write_\w*file|promote|switch_wal|logical_\w+|replication_\w+)`, `cron\.schedule\w*`),
		"mariadb": words(`(grant|revoke)\s.*?\s(to|from)`, `set\s+(global|password|default\s+role)`, `global\.`, `flush\s+(no_write|local|tables?|privileges|logs|hosts|status|binary|relay|user)`, `kill\s+(hard|soft|connection|query|user|@|\d)`, `shutdown`, `(un)?install\s+(plugin|soname)`, `load\s+data`, `load_file`, `outfile`, `dumpfile`,
			`(create|alter|drop|rename)\s+(or\s+replace\s+)?(user|role|database|schema|server)`, `mysql\s*`+"`?"+`\s*\.`, `change\s+master`, `(start|stop|reset)\s+(slave|replica|master)`, `purge\s+(binary|master)`),
		"sqlite": words(`attach`, `load_extension`, `vacuum\s+into`, `writefile`, `readfile`),
	}
	grantRole = regexp.MustCompile(`(?is)\b(grant|revoke)\s.*?\s(to|from)\b`)
	onObject  = regexp.MustCompile(`(?i)\son\s`)
)

func words(patterns ...string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, p := range patterns {
		out = append(out, regexp.MustCompile(`(?is)\b(?:`+p+`)(?:\b|$|\W)`))
	}
	return out
}

// reaches says what in a text reaches beyond the database; empty: nothing that
// is known. others are the names of the server's other databases.
func reaches(kind, text string, others []string) string {
	for _, p := range beyond[kind] {
		if m := p.FindString(text); m != "" {
			return fmt.Sprintf("%q reaches beyond the database", strings.Join(strings.Fields(m), " "))
		}
	}
	if kind == "postgres" { // a role is granted without ON
		for statement := range strings.SplitSeq(text, ";") {
			m := grantRole.FindString(statement)
			if m != "" && !onObject.MatchString(m) {
				return fmt.Sprintf("%q reaches beyond the database", strings.Join(strings.Fields(m), " "))
			}
		}
	}
	for _, name := range others {
		quoted := regexp.QuoteMeta(name)
		if regexp.MustCompile("(?i)(^|[^\\w$])" + quoted + "[`\"]?\\s*\\.|['\"]" + quoted + "['\"`.]|\\buse\\s+`?" + quoted + "\\b").MatchString(text) {
			return fmt.Sprintf("it names the database %s, and would work on that", name)
		}
	}
	return ""
}

// outside gives the names of the server's other databases, and says what in
// the copy itself leads out of it: a trigger or a view that the migrations wake
// would change what is live.
func outside(ctx context.Context, copied database.Database) (others []string, why string, _ error) {
	ask := func(sql string) (string, error) {
		s, err := copied.Query(ctx, sql)
		if errors.Is(err, database.ErrNoRow) {
			return "", nil
		}
		return s, err
	}
	switch copied.Kind() {
	case "postgres":
		found, err := ask(`SELECT string_agg(what, ', ') FROM (
			SELECT 'the foreign server ' || srvname AS what FROM pg_catalog.pg_foreign_server
			UNION ALL SELECT 'the extension ' || extname FROM pg_catalog.pg_extension WHERE extname IN ('dblink', 'postgres_fdw', 'pg_cron', 'http', 'pg_net')
			UNION ALL SELECT 'functions in ' || lanname FROM pg_catalog.pg_language WHERE NOT lanpltrusted AND lanname NOT IN ('c', 'internal')) x`)
		if found != "" {
			why = "the database can reach out of itself, by " + found
		}
		return nil, why, err
	case "mariadb":
		list, err := ask(`SELECT group_concat(schema_name SEPARATOR '\n') FROM information_schema.schemata
			WHERE schema_name NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys', database())`)
		if err != nil {
			return nil, "", err
		}
		others = strings.FieldsFunc(list, func(r rune) bool { return r == '\n' })
		for what, sql := range map[string]string{
			"a view":    "SELECT group_concat(view_definition SEPARATOR ';\n') FROM information_schema.views WHERE table_schema = database()",
			"a trigger": "SELECT group_concat(action_statement SEPARATOR ';\n') FROM information_schema.triggers WHERE trigger_schema = database()",
			"a routine": "SELECT group_concat(routine_definition SEPARATOR ';\n') FROM information_schema.routines WHERE routine_schema = database()",
		} {
			text, err := ask(sql)
			if err != nil {
				return nil, "", err
			}
			if found := reaches("mariadb", text, others); found != "" {
				return others, fmt.Sprintf("%s of the database: %s", what, found), nil
			}
		}
	}
	return others, "", nil
}
