package mariadb

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upkeep/internal/database"
)

func TestAddress(t *testing.T) {
	for _, c := range []struct{ address, net, at, user, password, name, tls string }{
		{"mariadb://ada:p%40w@db.example:3307/shop", "tcp", "db.example:3307", "ada", "p@w", "shop", ""},
		{"mysql://ada@[::1]/shop?charset=utf8&ssl=1", "tcp", "[::1]:3306", "ada", "", "shop", "true"},
		{"mysql://ada:pw@localhost/my%20shop?unix_socket=/run/s", "unix", "/run/s", "ada", "pw", "my shop", ""},
		{"ada:p@w:/x@tcp(127.0.0.1:3306)/shop?parseTime=true", "tcp", "127.0.0.1:3306", "ada", "p@w:/x", "shop", ""},
		{"ada@unix(/run/s)/shop?tls=preferred&loc=UTC", "unix", "/run/s", "ada", "", "shop", "preferred"},
		{" ada:pw@/shop\n", "tcp", "127.0.0.1:3306", "ada", "pw", "shop", ""},
	} {
		target, err := parse(c.address)
		if err != nil {
			t.Errorf("%s: %v", c.address, err)
			continue
		}
		got := target.config
		if got.Net != c.net || got.Addr != c.at || got.User != c.user || got.Passwd != c.password || got.DBName != c.name || got.TLSConfig != c.tls {
			t.Errorf("%s is read as %s %s %s %q %q %q", c.address, got.Net, got.Addr, got.User, got.Passwd, got.DBName, got.TLSConfig)
		}
		if got.MultiStatements || got.ParseTime || len(got.Params) > 0 {
			t.Errorf("%s: what the product's driver knows was taken over: %+v", c.address, got)
		}
		if c.password != "" && strings.Contains(target.where, c.password) {
			t.Errorf("%s: the password stands in %s", c.address, target.where)
		}
	}
}

// TestAddressURL: whatever is percent-encoded comes out as it was.
func TestAddressURL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ -~äß]{1,20}`)
		user, password, name := value.Draw(t, "user"), value.Draw(t, "password"), value.Draw(t, "name")
		u := url.URL{Scheme: "mariadb", User: url.UserPassword(user, password), Host: "h:1", Path: "/" + name}
		target, err := parse(u.String())
		if err != nil {
			t.Fatal(err)
		}
		if c := target.config; c.User != user || c.Passwd != password || c.DBName != name {
			t.Fatalf("%s is read as %q, %q, %q", u.String(), c.User, c.Passwd, c.DBName)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("mariadb://u:secret@h:1/d?x=y")
	f.Add("u:secret@tcp(h:1)/d?tls=x")
	f.Fuzz(func(t *testing.T, address string) {
		_, err := parse(address)
		if err != nil && !errors.Is(err, database.ErrAddress) {
			t.Fatalf("not an error of the address: %v", err)
		}
		if err != nil && len(address) > 20 && strings.Contains(err.Error(), address) {
			t.Fatalf("the message shows the address: %v", err)
		}
	})
}

func FuzzStatements(f *testing.F) {
	f.Add(small)
	f.Fuzz(func(t *testing.T, text string) {
		err := statements(strings.NewReader(text), func(tag, string) error { return nil })
		if err != nil && !errors.Is(err, database.ErrDamaged) {
			t.Fatalf("not an error of the dump: %v", err)
		}
		if err == nil && !strings.HasSuffix(text, "\n") {
			t.Fatal("a dump without its last sign was taken")
		}
		detach("t", text)
	})
}
