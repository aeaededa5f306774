package config

import (
	"strings"
	"testing"
)

// TestSecretsAreHidden: no secret of these texts is in what is shown.
func TestSecretsAreHidden(t *testing.T) {
	const s = "S3cr3t-Value"
	for text, f := range map[string]Format{
		"db:\n  password: " + s + "\n  host: x\n":                             YAML,
		"api_key: '" + s + "' # x\n":                                          YAML,
		`{"smtp": {"passwd": "` + s + `"}}`:                                   JSON,
		`<add key="x" password="` + s + `"/>`:                                 XML,
		"<c><Token>" + s + "</Token></c>":                                     XML,
		"<add name=\"db\" connectionString=\"Server=x;Pwd=" + s + "\"/>":      XML,
		"<c><add key=\"SmtpPassword\" value=\"" + s + "\"/></c>":              XML,
		"tokens:\n  a: " + s + "\n":                                           YAML,
		"[mail]\nsecret = " + s + "\n":                                        INI,
		"spring.datasource.password=" + s + "\n":                              Properties,
		"requirepass " + s + "\n":                                             Keyword,
		"masterauth " + s + "\n":                                              Keyword,
		"# requirepass: " + s + "\n":                                          Keyword,
		"define('DB_PASSWORD', '" + s + "');\n":                               Lines,
		"$db_password = \"" + s + "\";\n":                                     Lines,
		"'AUTH_KEY' => '" + s + "',\n":                                        Lines,
		"url = postgres://me:" + s + "@db/x\n":                                Lines,
		"-----BEGIN PRIVATE KEY-----\n" + s + "\n-----END PRIVATE KEY-----\n": Lines,
	} {
		if got := string(Hide([]byte(text), f, nil)); strings.Contains(got, s) || !strings.Contains(got, Hidden) {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
	for _, text := range []string{"port 6379\n", "# set the password of the database here\n", "compass: north\n", "path: /usr\n"} {
		if got := string(Hide([]byte(text), Keyword, nil)); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestDiffHidden(t *testing.T) {
	got := strings.Join(DiffHidden([]byte("a: 1\npassword: x\nb: 1\n"), []byte("a: 1\npassword: y\nb: 2\n"), YAML, nil), "|")
	if want := " password: [hidden]|-b: 1|+b: 2|~password: [hidden] (another)"; got != want {
		t.Errorf("the diff is %q, want %q", got, want)
	}
	if got := DiffHidden([]byte("password: x\n"), []byte("password: y\n"), YAML, nil); len(got) != 1 {
		t.Errorf("a secret alone: %q", got)
	}
}
