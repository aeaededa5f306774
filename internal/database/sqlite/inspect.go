package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"upkeep/internal/database"
)

// Inspect reads the file's header and schema.
func (db *DB) Inspect(ctx context.Context) (database.Info, error) {
	info := database.Info{Name: db.config.Path, Rights: database.Rights{Dump: true, Restore: true, EndOthers: false}}
	err := db.look(ctx, func(v view) error {
		for query, put := range map[string]func(string){
			"SELECT sqlite_version()": func(s string) {
				info.Server = "SQLite " + s
				major, _, _ := strings.Cut(s, ".")
				info.Major, _ = strconv.Atoi(major) // digits, by SQLite's own word
			},
			"SELECT encoding FROM pragma_encoding": func(s string) { info.Encoding = s },
			"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'": func(s string) { info.Tables, _ = strconv.Atoi(s) },
			"SELECT p.page_count * s.page_size FROM pragma_page_count AS p, pragma_page_size AS s":               func(s string) { info.SizeBytes, _ = strconv.ParseInt(s, 10, 64) },
		} {
			s, err := v.text(ctx, query)
			if err != nil {
				return err
			}
			put(s)
		}
		return nil
	})
	if err != nil {
		return info, db.fail(ctx, "look at the database", err)
	}
	if dir := filepath.Dir(db.config.Path); !writable(dir) {
		info.Rights.Restore = false
		info.Rights.Problems = append(info.Rights.Problems, fmt.Sprintf("the folder %s cannot be written, and a restore makes its file there", dir))
	}
	info.Scratch = database.ScratchRoom{Dir: db.config.Temp, Bytes: info.SizeBytes}
	return info, nil
}
