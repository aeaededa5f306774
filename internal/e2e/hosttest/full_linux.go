package hosttest

import (
	"strings"
	"testing"
)

// diskSize is what a machine has for all that it writes, in the tests that
// fill it.
const diskSize = 1 << 30

// Full fills the machine's only disk when a step begins, but for so many
// bytes. The upgrade ends by itself, on the old version in every file, row and
// unit, and takes place once there is room again.
func (p *Product) Full(t *testing.T, step string, leave int64) {
	t.Run("full/"+step, func(t *testing.T) {
		h := p.Machine.CloneOnDisk(t, p.Name, diskSize)
		h.Boot(t)
		before := p.fingerprint(t, h)
		var out strings.Builder
		cmd := h.Cmd(p.Upgrade...)
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait() // its exit code is looked at below
			close(ended)
		}()
		if !p.reach(t, h, Moment{Step: step, Dir: "do"}, ended) {
			<-ended
			t.Fatalf("the step never began:\n%s", out.String())
		}
		ballast := h.Fill(t, "/", leave)
		<-ended
		left := h.Space(t, "/")
		if code := cmd.ProcessState.ExitCode(); code != 6 || !strings.Contains(out.String(), "pace") {
			t.Errorf("exit code %d, want 6 and a word about the space:\n%s\n%s", code, &out, p.log(h))
		}
		h.Must(t, "rm", ballast)
		same(t, before, p.fingerprint(t, h))
		p.visited(t, h, false)
		if text, code, err := h.Run(p.Upgrade...); code != 0 || err != nil {
			t.Errorf("with room again: %d, %v\n%s", code, err, text)
		}
		p.IsNew(t, h)
		t.Logf("%s began with %d KiB left, the run ended with %d KiB left", step, leave>>10, left>>10)
	})
}
