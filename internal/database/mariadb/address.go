package mariadb

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"upkeep/internal/database"
)

// target is a parsed address.
type target struct {
	config *mysql.Config
	where  string
}

// parse reads an address: a URL, or the form of Go's driver. Of what products'
// own drivers may have added only what the connection needs is taken. Its
// errors never hold any of it, since any piece may be the password.
func parse(address string) (*target, error) {
	bad := func(why string) error {
		return fmt.Errorf("%w: %s; it is a URL (mariadb://USER:PASSWORD@HOST:PORT/DATABASE, with ?socket=/PATH for a socket) or USER:PASSWORD@tcp(HOST:PORT)/DATABASE", database.ErrAddress, why)
	}
	address = strings.TrimSpace(address)
	c, why := fromDSN(address)
	if scheme, _, ok := strings.Cut(address, "://"); ok && (scheme == "mariadb" || scheme == "mysql") {
		c, why = fromURL(address)
	}
	switch {
	case address == "":
		return nil, bad("it is empty")
	case why != "":
		return nil, bad(why)
	case c.DBName == "":
		return nil, bad("it names no database")
	case c.User == "":
		return nil, bad("it names no account")
	}
	c.Timeout = 10 * time.Second // a host that drops packets would hold an upgrade for minutes
	c.Collation = "utf8mb4_general_ci"
	c.MaxAllowedPacket = 0 // the server's
	c.Logger = &mysql.NopLogger{}
	return &target{config: c, where: fmt.Sprintf("database %q at %s", c.DBName, c.Addr)}, nil
}

func fromDSN(address string) (*mysql.Config, string) {
	given, err := mysql.ParseDSN(address)
	if err != nil {
		return nil, "it cannot be read"
	}
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.TLSConfig = given.User, given.Passwd, given.Net, given.Addr, given.DBName, given.TLSConfig
	return c, ""
}

func fromURL(address string) (*mysql.Config, string) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, "the URL cannot be read (is a sign in the password not percent-encoded?)"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, "what follows the question mark cannot be read"
	}
	c := mysql.NewConfig()
	c.User, c.DBName = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	c.Passwd, _ = u.User.Password()
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	c.Net, c.Addr = "tcp", net.JoinHostPort(host, port)
	for _, name := range []string{"socket", "unix_socket"} {
		if socket := query.Get(name); socket != "" {
			c.Net, c.Addr = "unix", socket
		}
	}
	for _, name := range []string{"tls", "ssl"} {
		switch v := strings.ToLower(query.Get(name)); v {
		case "":
		case "true", "1", "skip-verify", "preferred", "false", "0":
			c.TLSConfig = map[string]string{"1": "true", "0": "false"}[v]
			if c.TLSConfig == "" {
				c.TLSConfig = v
			}
		default:
			return nil, name + " is true, false, preferred or skip-verify"
		}
	}
	return c, ""
}
