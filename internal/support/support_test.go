package support

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// x is n characters that no form takes for the beginning of anything.
func x(n int) string { return strings.Repeat("x7Q", n/3+1)[:n] }

func TestForms(t *testing.T) {
	jwt := "ey" + x(20) + ".ey" + x(20) + "." + x(20)
	for _, c := range []struct{ in, secret string }{
		{"key AK" + "IA" + "QWERTYUIOPASDFGH end", "QWERTYUIOPASDFGH"},
		{"gh" + "p_" + x(36), x(36)},
		{"github_" + "pat_" + x(60), x(60)},
		{"glp" + "at-" + x(20), x(20)},
		{"xo" + "xb-" + x(24), x(24)},
		{"https://hooks." + "slack.com/services/" + x(30), x(30)},
		{"sk_" + "live_" + x(24), x(24)},
		{"AI" + "za" + x(35), x(35)},
		{"npm" + "_" + x(36), x(36)},
		{"py" + "pi-" + x(60), x(60)},
		{"S" + "G." + x(22) + "." + x(43), x(43)},
		{"hv" + "s." + x(24), x(24)},
		{"token is " + jwt + " now", jwt},
		{"Authorization: Bearer " + x(12), x(12)},
		{`{"authorization":"Basic ` + x(12) + `"}`, x(12)},
		{"Cookie: session=" + x(12) + "; a=b", x(12)},
		{"postgres://web:" + x(12) + "@db/notes", x(12)},
		{"DATABASE_PASSWORD=" + x(12), x(12)},
		{`"db_password": "two ` + x(12) + `"`, x(12)},
		{"'api_key' => '" + x(12) + "',", x(12)},
		{"password: " + x(12), x(12)},
		{"X-Auth-Token: " + x(12), x(12)},
		{"CREATE USER a IDENTIFIED BY '" + x(12) + "'", x(12)},
		{"tool --password " + x(12) + " -v", x(12)},
		{"-----BEGIN RSA PRIVATE " + "KEY-----\n" + x(64) + "\n" + x(30) + "\n-----END RSA PRIVATE " + "KEY-----\nrest", x(30)},
		{"-----BEGIN OPENSSH PRIVATE " + "KEY-----\n" + x(64), x(64)},
	} {
		got := NewRedactor(nil).Text(c.in)
		if strings.Contains(got, c.secret) || !strings.Contains(got, Removed) {
			t.Errorf("%q became %q", c.in, got)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	for _, s := range []string{
		"password: ${param.password}", "password: {file: /etc/upkeep/secrets/db}", "secret: env:TOKEN", "3 tokens are left",
		"https://example.org/a:b@c", "http://127.0.0.1:8090/health", "the password was wrong", "digest 3f2a9c", "restore point 20261129-061948-6c22-origin",
	} {
		if got := NewRedactor(nil).Text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestKnownValues(t *testing.T) {
	r := NewRedactor([]string{"s3cr/t &\"x\"", "abc", "s3cr/t", "first line of a long key\nsecond line of a long key\n"})
	for _, s := range []string{
		`it is s3cr/t &"x" here`, `{"a":"s3cr/t \u0026\"x\""}`, "http://x/?a=s3cr%2Ft+%26%22x%22", "czNjci90ICYieCI=", "s3cr/t", "… second line of a long key …",
	} {
		if got := r.Text(s); !strings.Contains(got, Removed) || strings.Contains(got, "s3cr") || strings.Contains(got, "second line") {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := r.Text("abc is too short to be told from a word"); !strings.HasPrefix(got, "abc ") {
		t.Error(got)
	}
}

func TestArchive(t *testing.T) {
	var b bytes.Buffer
	a, err := NewArchive(&b, "support-x", time.Unix(0, 0), NewRedactor([]string{"geheim"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Add("runs/1/log", "it says geheim\n"), a.JSON("doctor.json", map[string]string{"k": "geheim"}), a.Close()); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	in, got := tar.NewReader(z), map[string]string{}
	for h, err := in.Next(); !errors.Is(err, io.EOF); h, err = in.Next() {
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(in)
		got[h.Name] = string(text)
	}
	if got["support-x/runs/1/log"] != "it says "+Removed+"\n" || !strings.Contains(got["support-x/doctor.json"], Removed) || len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("password=hunter2secret and more", "hunter2secret")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := NewRedactor([]string{secret}).Text(text)
		if s := strings.TrimSpace(secret); len(s) >= shortest && strings.Contains(got, s) && !strings.Contains(Removed, s) && !strings.Contains(s, "removed") {
			t.Errorf("%q still says %q", got, s)
		}
	})
}
