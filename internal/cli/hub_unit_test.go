package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

// What somebody gives to setup-host stands in the unit, and paths whole.
func TestFlagsGiven(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want []string }{
		{nil, nil},
		{[]string{"--listen", "127.0.0.1:9000"}, []string{"--listen=127.0.0.1:9000"}},
		{[]string{"--releases=rel"}, []string{"--releases=" + filepath.Join(here, "rel")}},
		{[]string{"--name", "a.example", "--name", "b.example", "--hsts"}, []string{"--hsts=true", "--name=a.example", "--name=b.example"}},
	} {
		var o hubOptions
		hub, command := o.flags(), pflag.NewFlagSet("setup-host", pflag.ContinueOnError)
		command.AddFlagSet(hub)
		if err := command.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if got, err := flagsGiven(hub); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, %v; want %v", c.args, got, err, c.want)
		}
	}
}
