package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// schemas is the schema that each version of the library works on.
var schemas = map[string]int{"1.2.2": 2, "1.2.3": 3, "1.2.4": 4}

const (
	addressFile = "/etc/pf-xivo/database-url"
	iniFile     = "/etc/pf-xivo/web-interface/xivo.ini"
)

func connect(ctx context.Context) (*pgx.Conn, error) {
	text, err := os.ReadFile(addressFile)
	if err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, strings.TrimSpace(string(text)))
}

// schema refuses a database of another version. The server may still be
// starting: it is asked for some seconds.
func schema(ctx context.Context, version string) error {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	for {
		is, err := schemaVersion(ctx)
		if err == nil && is != schemas[version] {
			return fmt.Errorf("the database is of schema %d, %s needs %d", is, version, schemas[version])
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func schemaVersion(ctx context.Context) (int, error) {
	db, err := connect(ctx)
	if err != nil {
		return 0, err
	}
	defer db.Close(ctx)
	var is int
	err = db.QueryRow(ctx, "SELECT max(version) FROM schema_version").Scan(&is)
	return is, err
}

// web is the web interface: GET /status says what runs, POST /queues?name=X
// is a user who works.
func web(l net.Listener, version string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		is, err := schemaVersion(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"version": version, "schema": is, "language": language()})
	})
	mux.HandleFunc("POST /queues", func(w http.ResponseWriter, r *http.Request) {
		db, err := connect(r.Context())
		if err == nil {
			defer db.Close(r.Context())
			_, err = db.Exec(r.Context(), "INSERT INTO queues (name) VALUES ($1)", r.URL.Query().Get("name"))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	_ = (&http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}).Serve(l)
}

var languageLine = regexp.MustCompile(`(?m)^language\s*=\s*(\S+)`)

func language() string {
	text, err := os.ReadFile(iniFile)
	if err != nil {
		return ""
	}
	if m := languageLine.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}
