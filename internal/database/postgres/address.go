package postgres

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"upkeep/internal/database"
)

// target is a parsed address.
type target struct {
	config *pgx.ConnConfig
	words  map[string]string // libpq keywords as given
	where  string
}

// libpq is the environment variable of each keyword that child programs read
// (PostgreSQL manual, "Environment Variables" of libpq).
var libpq = map[string]string{
	"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER",
	"password": "PGPASSWORD", "passfile": "PGPASSFILE", "service": "PGSERVICE", "options": "PGOPTIONS",
	"sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT",
	"sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "sslsni": "PGSSLSNI", "requirepeer": "PGREQUIREPEER",
	"ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
	"gssencmode": "PGGSSENCMODE", "krbsrvname": "PGKRBSRVNAME", "gsslib": "PGGSSLIB",
	"connect_timeout": "PGCONNECT_TIMEOUT", "channel_binding": "PGCHANNELBINDING",
	"target_session_attrs": "PGTARGETSESSIONATTRS", "servicefile": "PGSERVICEFILE",
}

// drivers are words that products' drivers know and a server would refuse.
var drivers = []string{
	"binary_parameters", "disable_prepared_binary_result", "pool_max_conns", "pool_min_conns", "pool_max_conn_lifetime",
	"pool_max_conn_idle_time", "pool_health_check_period", "pool_max_conn_lifetime_jitter", "pool", "connection_limit",
	"pool_timeout", "schema", "pgbouncer", "prepareThreshold", "statement_cache_capacity", "default_query_exec_mode",
	"fallback_application_name", "application_name",
}

// parse reads an address. Its errors never hold any of it, since any piece may
// be the password.
func parse(address string) (*target, error) {
	bad := func(why string) error {
		return fmt.Errorf("%w: %s; it is a URL (postgres://USER:PASSWORD@HOST:PORT/DATABASE) or words (host=… dbname=… user=…)", database.ErrAddress, why)
	}
	words, err := keywords(address)
	if err != nil {
		return nil, bad(err.Error())
	}
	for _, name := range drivers {
		delete(words, name)
	}
	config, err := pgx.ParseConfig(conninfo(words))
	if err != nil {
		return nil, bad("a value in it is not understood")
	}
	if config.Database == "" {
		config.Database = config.User
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second // a host that drops packets would hold an upgrade for minutes
	}
	// A cached statement would tie us to tables that a restore replaces.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	at := config.Host
	if !strings.HasPrefix(at, "/") {
		at = fmt.Sprintf("%s:%d", config.Host, config.Port)
	}
	return &target{config: config, words: words, where: fmt.Sprintf("database %q at %s", config.Database, at)}, nil
}

// environment is all that a child program gets: nothing is inherited.
func (t *target) environment(appName string) []string {
	vars := map[string]string{
		"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGAPPNAME": appName, "PGTZ": "UTC",
		"PGHOST": t.config.Host, "PGPORT": fmt.Sprint(t.config.Port), "PGUSER": t.config.User,
		"PGDATABASE": t.config.Database, "PGPASSWORD": t.config.Password,
		// Without it libpq would look for a file in the home of the account.
		"PGPASSFILE": "/dev/null", "PGCONNECT_TIMEOUT": "10",
	}
	for word, value := range t.words {
		if name, ok := libpq[word]; ok {
			vars[name] = value
		}
	}
	if t.config.TLSConfig == nil && vars["PGSSLMODE"] == "" {
		vars["PGSSLMODE"] = "disable"
	}
	env := make([]string, 0, len(vars))
	for name, value := range vars {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	return env
}

// keywords reads both forms of an address into libpq's keywords.
func keywords(address string) (map[string]string, error) {
	address = strings.TrimSpace(address)
	if address == "" {
		return nil, fmt.Errorf("it is empty")
	}
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		return fromURL(address)
	}
	return fromWords(address)
}

func fromURL(address string) (map[string]string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the URL cannot be read (is a sign in the password not percent-encoded?)")
	}
	words := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			words[name] = value
		}
	}
	if u.User != nil {
		set("user", u.User.Username())
		password, _ := u.User.Password()
		set("password", password)
	}
	var hosts, ports []string
	for _, hp := range strings.Split(u.Host, ",") {
		host, port := hp, ""
		if i := strings.LastIndexByte(hp, ':'); i >= 0 && !strings.HasSuffix(hp, "]") {
			host, port = hp[:i], hp[i+1:]
		}
		hosts = append(hosts, strings.Trim(host, "[]"))
		ports = append(ports, port)
	}
	set("host", strings.Join(hosts, ","))
	if strings.Trim(strings.Join(ports, ""), " ") != "" {
		set("port", strings.Join(ports, ","))
	}
	set("dbname", strings.TrimPrefix(u.Path, "/"))
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("what follows the question mark cannot be read")
	}
	for name, values := range query {
		set(rename(name), values[0])
	}
	return words, nil
}

func rename(name string) string {
	switch name {
	case "database":
		return "dbname"
	case "ssl":
		return "sslmode"
	}
	return name
}

// fromWords reads key=value pairs: values may be in single quotes, with
// backslash escapes (libpq manual, "Keyword/Value Connection Strings").
func fromWords(text string) (map[string]string, error) {
	words := map[string]string{}
	const space = " \t\r\n"
	for text = strings.TrimLeft(text, space); text != ""; text = strings.TrimLeft(text, space) {
		name, rest, ok := strings.Cut(text, "=")
		name = strings.TrimRight(name, space)
		if !ok || name == "" || strings.ContainsAny(name, space+"'\\") {
			return nil, fmt.Errorf("a word has no name and value")
		}
		rest = strings.TrimLeft(rest, space)
		var value strings.Builder
		i, quoted := 0, strings.HasPrefix(rest, "'")
		if quoted {
			i = 1
		}
		closed := !quoted
		for ; i < len(rest); i++ {
			c := rest[i]
			if c == '\\' && i+1 < len(rest) {
				i++
				value.WriteByte(rest[i])
				continue
			}
			if quoted && c == '\'' {
				closed = true
				i++
				break
			}
			if !quoted && strings.IndexByte(space, c) >= 0 {
				break
			}
			value.WriteByte(c)
		}
		if !closed {
			return nil, fmt.Errorf("a quote is not closed")
		}
		words[rename(name)] = value.String()
		text = rest[i:]
	}
	return words, nil
}

// conninfo writes keywords in the form that pgx reads without doubt.
func conninfo(words map[string]string) string {
	var b strings.Builder
	for name, value := range words {
		value = strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), `'`, `\'`)
		fmt.Fprintf(&b, "%s='%s' ", name, value)
	}
	return b.String()
}
