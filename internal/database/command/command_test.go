package command_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"upkeep/internal/database"
	"upkeep/internal/database/command"
	"upkeep/internal/durable"
)

// tool stands in for the programs of a vendor: its data is a text.
type tool struct {
	data  string
	fails error
	ran   []string
}

func (v *tool) run(_ context.Context, p command.Program, in io.Reader, out io.Writer) error {
	v.ran = append(v.ran, p.Args[1])
	file := ""
	if len(p.Args) > 2 {
		file = p.Args[2]
	}
	switch {
	case v.fails != nil:
		return v.fails
	case p.Args[1] == "dump" && file != "":
		return os.WriteFile(file, []byte(v.data), 0o600)
	case p.Args[1] == "dump":
		_, err := io.WriteString(out, v.data)
		return err
	case file != "":
		text, err := os.ReadFile(file)
		v.data = string(text)
		return err
	}
	text, err := io.ReadAll(in)
	v.data = string(text)
	return err
}

func (v *tool) database(args ...string) *command.DB {
	return command.New(command.Config{Name: "store", FS: durable.OS(), Run: v.run,
		Make:    command.Program{Args: append([]string{"tool", "dump"}, args...)},
		Restore: command.Program{Args: append([]string{"tool", "load"}, args...)},
		Content: func(context.Context) (string, error) { return v.data, nil }})
}

func TestRoundTrip(t *testing.T) {
	for name, args := range map[string][]string{"streams": nil, "file": {command.File}} {
		t.Run(name, func(t *testing.T) {
			v := &tool{data: "ours"}
			db := v.database(args...)
			var dump bytes.Buffer
			r, err := db.Dump(t.Context(), &dump)
			if err != nil || dump.String() != "ours" || r.Bytes != 4 || r.Kind != "command" {
				t.Fatalf("%q %+v %v", dump.String(), r, err)
			}
			v.data = "spoiled"
			if err := db.Restore(t.Context(), &dump); err != nil || v.data != "ours" {
				t.Fatalf("%q %v", v.data, err)
			}
			now, err := db.Fingerprint(t.Context())
			if list := database.Compare(r.Fingerprint, now); err != nil || len(list) > 0 {
				t.Error(list, err)
			}
		})
	}
}

// A dump that cannot be read to its end restores nothing: the tool never runs.
func TestRestoreOfABrokenDump(t *testing.T) {
	for name, r := range map[string]io.Reader{"cut": iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ours"))), "empty": strings.NewReader("")} {
		v := &tool{data: "spoiled"}
		if err := v.database().Restore(t.Context(), r); err == nil || len(v.ran) > 0 {
			t.Errorf("%s: %v, ran %v", name, err, v.ran)
		}
	}
}

func TestDumpThatIsNone(t *testing.T) {
	for name, c := range map[string]struct {
		v    tool
		want error
	}{"fails": {tool{data: "x", fails: os.ErrPermission}, os.ErrPermission}, "empty": {tool{}, database.ErrDamaged}} {
		for _, args := range [][]string{nil, {command.File}} {
			if _, err := c.v.database(args...).Dump(t.Context(), io.Discard); !errors.Is(err, c.want) {
				t.Errorf("%s %v: %v", name, args, err)
			}
		}
	}
}
