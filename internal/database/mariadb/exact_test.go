package mariadb

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
)

//go:embed testdata/rich.sql
var rich string

//go:embed testdata/wreck.sql
var wreck string

// TestExact puts back one of everything, as an ordinary account, into a wreck,
// an empty database and an unharmed one; the server's own client, too.
func TestExact(t *testing.T) {
	s := start(t)
	name, spare, byHand := s.fresh(t), s.fresh(t), s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, rich)
	want := databasetest.Fingerprint(t, sub.DB)
	dump, report := databasetest.Dump(t, sub.DB)
	databasetest.Same(t, "report", want, report.Fingerprint)
	s.SQL(t, "", fmt.Sprintf("CREATE USER IF NOT EXISTS caller@'%%'; GRANT EXECUTE ON PROCEDURE `%s`.greet TO caller@'%%'; GRANT SELECT ON `%[1]s`.log TO caller@'%%'", name))
	for _, harm := range []string{"", wreck, fmt.Sprintf("DROP DATABASE `%s`; CREATE DATABASE `%[1]s`", name)} {
		if strings.HasPrefix(harm, "DROP DATABASE") {
			s.SQL(t, "", harm)
		} else {
			sub.Exec(t, harm)
		}
		if harm != "" && len(database.Compare(want, databasetest.Fingerprint(t, sub.DB))) == 0 {
			t.Fatalf("no harm was noticed after %.40q", harm)
		}
		if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
			t.Fatalf("after %.40q: %v", harm, err)
		}
		databasetest.Same(t, fmt.Sprintf("after %.40q", harm), want, databasetest.Fingerprint(t, sub.DB))
		if harm == "" {
			if got := s.SQL(t, "", "SHOW GRANTS FOR caller@'%'"); !strings.Contains(got, "`greet`") || !strings.Contains(got, "`log`") {
				t.Errorf("rights that were given are gone: %s", got)
			}
		}
	}
	sub.Exec(t, "INSERT INTO queue (who) VALUES ('EVE'); UPDATE queue SET who = 'EVE' WHERE ticket > 1000; INSERT INTO kinds (tiny) VALUES (9)")
	if got := s.SQL(t, name, "SELECT group_concat(what ORDER BY n) FROM log; SELECT max(id) FROM kinds; CALL greet('ada', @x); SELECT @x; SELECT max(ticket), max(two) FROM a_reads_z"); got != "first,second EVE\n901\nhello ada\n150\t300" {
		t.Errorf("what was restored does not work: %q", got)
	}
	other := s.subject(t, s.as(spare, "shop"), spare)
	if err := other.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	databasetest.Same(t, "in an empty database", want, databasetest.Fingerprint(t, other.DB))
	s.SQL(t, byHand, string(dump))
	databasetest.Same(t, "by the mariadb client", want, databasetest.Fingerprint(t, s.subject(t, s.DSN(byHand), byHand).DB))
}

// TestNumbers: every bit of a number comes back. mariadb-dump writes six digits
// of a FLOAT.
func TestNumbers(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, "CREATE TABLE n (i INT PRIMARY KEY, f FLOAT, d DOUBLE)")
	var values []string
	random := rand.New(rand.NewPCG(1, 2))
	var wantF, wantD []string
	for i := range 2000 {
		f, d := math.Float32frombits(random.Uint32()), math.Float64frombits(random.Uint64())
		if f != f || math.IsInf(float64(f), 0) || d != d || math.IsInf(d, 0) || math.Abs(float64(f)) < 1.2e-38 {
			continue
		}
		values = append(values, fmt.Sprintf("(%d, '%s', '%s')", i, strconv.FormatFloat(float64(f), 'g', -1, 64), strconv.FormatFloat(d, 'g', -1, 64)))
		wantF, wantD = append(wantF, strconv.FormatFloat(float64(f), 'g', -1, 64)), append(wantD, strconv.FormatFloat(d, 'g', -1, 64))
	}
	sub.Exec(t, "INSERT INTO n VALUES "+strings.Join(values, ", "))
	want := databasetest.Fingerprint(t, sub.DB)
	dump, _ := databasetest.Dump(t, sub.DB)
	sub.Exec(t, "DELETE FROM n")
	if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	databasetest.Same(t, "restored", want, databasetest.Fingerprint(t, sub.DB))
	for i, row := range strings.Split(s.SQL(t, name, "SELECT CAST(f AS DOUBLE), d FROM n ORDER BY i"), "\n") {
		gotF, gotD, _ := strings.Cut(row, "\t")
		f, _ := strconv.ParseFloat(gotF, 64)
		d, _ := strconv.ParseFloat(gotD, 64)
		if strconv.FormatFloat(f, 'g', -1, 64) != wantF[i] || strconv.FormatFloat(d, 'g', -1, 64) != wantD[i] {
			t.Fatalf("row %d is %s, want %s and %s", i, row, wantF[i], wantD[i])
		}
	}
}
