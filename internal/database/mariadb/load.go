package mariadb

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"upkeep/internal/database"
)

// Names of what is staged. The list of what is still to be done is renamed
// together with the tables, so it tells whether they were exchanged.
const (
	staged = reserved + "new_"
	old    = reserved + "old_"
	todo   = reserved + "todo"
	begun  = reserved + "begun"
)

// load stages a dump: tables with their rows under names of ours, in the
// product's own database, and the list of the rest. Nobody's table is touched.
func (l *link) load(ctx context.Context, r io.Reader) error {
	if err := l.run(ctx, settings, "CREATE TABLE "+todo+" (n INT PRIMARY KEY, tag LONGTEXT NOT NULL, body LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4"); err != nil {
		return err
	}
	s := stage{link: l, names: map[string]string{}}
	return statements(r, func(t tag, text string) error { return s.take(ctx, t, text) })
}

type stage struct {
	*link
	names map[string]string // final name to staged name
	left  int               // lines of the list
}

func (s *stage) take(ctx context.Context, t tag, text string) error {
	switch t.Kind {
	case "session":
		return nil // set already, or with what it is for
	case "table", "sequence":
		name := staged + strconv.Itoa(len(s.names)+1)
		s.names[t.Name] = name
		if err := s.later(ctx, tag{Kind: "place", Name: t.Name}, name); err != nil {
			return err
		}
		bare, after := detach(t.Name, text)
		for _, a := range after {
			if err := s.later(ctx, tag{Kind: "alter", Name: t.Name}, a); err != nil {
				return err
			}
		}
		return s.run(ctx, strings.Replace(bare, quote(t.Name), quote(name), 1))
	case "value", "rows":
		name, ok := s.names[t.Name]
		if !ok {
			return fmt.Errorf("%w: the dump has rows of %s before its definition", database.ErrDamaged, t.Name)
		}
		return s.run(ctx, strings.Replace(text, quote(t.Name), quote(name), 1))
	}
	return s.later(ctx, t, text)
}

// later notes what can only be done once the tables have their names.
func (s *stage) later(ctx context.Context, t tag, text string) error {
	line, err := json.Marshal(t)
	if err != nil {
		return err
	}
	s.left++
	_, err = s.ExecContext(ctx, "INSERT INTO "+todo+" VALUES (?, ?, ?)", s.left, string(line), text)
	return err
}

var (
	foreignKey   = regexp.MustCompile("^  (CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY .*?),?$")
	fromSequence = regexp.MustCompile("^  (`(?:[^`]|``)+`) (.*?) DEFAULT (nextval\\(`(?:[^`]|``)+`\\))(.*)$")
)

// detach takes out of a table's definition what refers to other tables: the
// names of foreign keys are the database's, and those of the old tables are
// still taken; sequences do not have their names yet. Both are added in an
// instant later, without reading a row.
func detach(name, text string) (bare string, after []string) {
	var keep, keys []string
	lines := strings.Split(text, "\n")
	for _, line := range lines {
		if m := foreignKey.FindStringSubmatch(line); m != nil {
			keys = append(keys, "ADD "+m[1])
			continue
		}
		if m := fromSequence.FindStringSubmatch(line); m != nil {
			after = append(after, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT (%s)", quote(name), m[1], m[3]))
			line = fmt.Sprintf("  %s %s%s", m[1], m[2], m[4])
		}
		keep = append(keep, line)
	}
	if keys != nil {
		after = append(after, "ALTER TABLE "+quote(name)+" "+strings.Join(keys, ", "))
	}
	bare = strings.Join(keep, "\n")
	return strings.Replace(bare, ",\n) ENGINE=", "\n) ENGINE=", 1), after
}

// statements reads a dump to its end and hands on each statement. An error of r
// is given as it is.
func statements(r io.Reader, take func(tag, string) error) error {
	damaged := func(why string) error { return fmt.Errorf("%w: %s", database.ErrDamaged, why) }
	in := &watched{r: r}
	lines := bufio.NewReaderSize(in, 256<<10)
	next := func() (string, error) {
		line, err := lines.ReadString('\n')
		switch {
		case in.err != nil:
			return "", fmt.Errorf("the dump cannot be read: %w", in.err)
		case errors.Is(err, io.EOF):
			return "", damaged("the dump is cut off")
		}
		return line, err
	}
	line, err := next()
	if err == nil && line != opening {
		err = damaged("this is not a dump that this Upkeep can read")
	}
	for n := 0; err == nil; {
		if line, err = next(); err != nil {
			break
		}
		head, ok := strings.CutPrefix(line, mark)
		if !ok {
			continue // a word to the client
		}
		var t tag
		if json.Unmarshal([]byte(head), &t) != nil {
			return damaged("a line of the dump is not understood")
		}
		if t.Kind == "end" {
			if t.Name != strconv.Itoa(n) {
				return damaged("statements of the dump are missing")
			}
			break
		}
		n++
		var text bytes.Buffer
		for line, err = next(); err == nil && line != delimiter+"\n"; line, err = next() {
			text.WriteString(line)
		}
		if err == nil {
			err = take(t, strings.TrimSuffix(text.String(), "\n"))
		}
	}
	if err != nil {
		_, _ = io.Copy(io.Discard, lines) // its end is where a wrong sum shows
		if in.err != nil && !errors.Is(err, in.err) {
			return fmt.Errorf("the dump cannot be read: %w", in.err)
		}
		return err
	}
	rest, _ := io.Copy(io.Discard, lines) // in.err tells
	switch {
	case in.err != nil:
		return fmt.Errorf("the dump cannot be read: %w", in.err)
	case rest > 0:
		return damaged("the dump goes on after its end")
	}
	return nil
}

// watched remembers a read error, apart from the end.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}
