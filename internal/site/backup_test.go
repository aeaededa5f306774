package site_test

import (
	"strings"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/site"
)

func readBackup(t *testing.T, text string) (site.BackupPlace, error) {
	t.Helper()
	text = "installation: {id: a, product: p}\nbackup: " + text + "\n"
	nodes, err := yaml.Parse("i.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	in, err := site.Decode(document.Source{Name: "i.yaml", Text: []byte(text)}, nodes)
	if err != nil {
		return site.BackupPlace{}, err
	}
	return in.Backup, nil
}

const aPublicKey = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z"

func TestBackupPlace(t *testing.T) {
	got, err := readBackup(t, `{dir: /b, keep: 3, elsewhere: true, priority: low, bandwidth: "20 MiB/s", encrypt: {recipients: [`+aPublicKey+`], identity: {file: /etc/key}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got.Keep.Last != 3 || !got.Elsewhere || got.Priority != "low" || got.Bandwidth != 20<<20 || got.Encrypt.Identity.File != "/etc/key" || len(got.Encrypt.Recipients) != 1 {
		t.Errorf("read %+v", got)
	}
	for text, want := range map[string]string{
		`{keep: 0}`:                          "from 1 to 1000",
		`{keep: sometimes}`:                  "how many restore points stay",
		`{bandwidth: 20}`:                    "20 MiB/s",
		`{bandwidth: 20 MiB}`:                "20 MiB/s",
		`{bandwidth: 3 B/s}`:                 "1 KiB/s at least",
		`{priority: high}`:                   "low",
		`{encrypt: {}}`:                      "recipients",
		`{encrypt: {recipients: []}}`:        "for nobody",
		`{encrypt: {recipients: [someone]}}`: "no recipient of age",
		`{encrypt: {recipients: [` + aPublicKey + `], identity: AGE-SECRET-KEY-1ABC}}`: "cannot be written in the document",
	} {
		_, err := readBackup(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET-KEY") {
			t.Errorf("%s: the key is in the message: %v", text, err)
		}
	}
}
