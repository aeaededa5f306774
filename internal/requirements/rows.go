// Package requirements tells which of the 207 statements of five real upgrade
// documents Upkeep proves, by the names of tests that ran, and which of them
// would notice when a line of an example is taken away. It is a tool for those
// who work on Upkeep and no part of the binary. It imports the YAML parser of
// the documents and the standard library.
package requirements

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

// Count is the number of statements: S0 39, S1 26, S2 31, S3 60, S4 51.
const Count = 207

// Row is one statement.
type Row struct {
	ID        string // S3-46
	Statement string // short, as the document has it
}

//go:embed rows.txt
var rowsText string

// Rows gives all statements in the order of the documents.
func Rows() ([]Row, error) { return parseRows(rowsText) }

// parseRows reads lines of id, tab, statement.
func parseRows(text string) ([]Row, error) {
	var rows []Row
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		id, statement, ok := strings.Cut(line, "\t")
		if !ok || !rowID.MatchString(id) || strings.TrimSpace(statement) == "" {
			return nil, fmt.Errorf("rows.txt:%d: want ID, tab, statement, got %q", i+1, line)
		}
		if seen[id] {
			return nil, fmt.Errorf("rows.txt:%d: %s is there twice", i+1, id)
		}
		seen[id] = true
		rows = append(rows, Row{id, statement})
	}
	return rows, nil
}

var (
	rowID  = regexp.MustCompile(`^S[0-4]-[1-9][0-9]?$`)
	inName = regexp.MustCompile(`(?:^|[_/])S([0-9])_([0-9]+)(?:$|[_/])`)
)

// Named gives the rows that a test's name carries, in the order of the name,
// and whether something stands in for what cannot run here:
// TestHooks_S3_49_S3_56 carries S3-49 and S3-56, TestRetry_S3_47_standin S3-47
// with a stand-in. In the name of a subtest only the last part counts, since
// the other parts are tests of their own.
func Named(test string) (ids []string, standIn bool) {
	name := test[strings.LastIndexByte(test, '/')+1:]
	name, standIn = strings.CutSuffix(name, "_standin")
	for rest := name; ; {
		m := inName.FindStringSubmatchIndex(rest)
		if m == nil {
			return ids, standIn && len(ids) > 0
		}
		ids = append(ids, "S"+rest[m[2]:m[3]]+"-"+rest[m[4]:m[5]])
		rest = rest[m[5]:] // the separator may begin the next one
	}
}
