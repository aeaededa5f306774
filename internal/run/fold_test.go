package run_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// tell writes entries in short, a word an entry: "a+" Intent, "a=" done, "a!"
// failed, "a?" unclear, "-a" Intent back, "-a=" undone, "-a!" its undo failed,
// "m1" a milestone, "seal", "cross", "back0" a decision, "land1",
// "retry:a", "skip:a", "accept:a", "new2", "old1", "milestone2" closed.
func tell(p *plan.Plan, text string) []run.Entry {
	out := []run.Entry{opened(p)}
	for _, w := range strings.Fields(text) {
		out = append(out, said(p, w))
	}
	for i := range out {
		out[i].Seq, out[i].At = int64(i+1), start.Add(time.Duration(i)*time.Second)
	}
	return out
}

func said(p *plan.Plan, w string) run.Entry {
	word := strings.TrimRight(w, "0123456789")
	n := len(w) - len(word)
	digit := 0
	if n > 0 {
		digit = int(w[len(w)-1] - '0')
	}
	switch word {
	case "m":
		return entry(run.MilestoneReached, w, "", run.Reached{Milestone: digit})
	case "seal":
		return entry(run.Sealed, "", "", nil)
	case "cross":
		return entry(run.BarrierCrossed, p.Barrier, "", nil)
	case "back":
		return decide(run.ChooseBack, digit, "")
	case "land":
		return decide(run.ChooseLand, digit, "")
	case "new", "old", "milestone":
		return entry(run.RunClosed, "", "", run.Closed{Result: run.Result(word), Version: w[len(word):]})
	}
	if choice, step, ok := strings.Cut(w, ":"); ok {
		return decide(run.Choice(choice), 0, step)
	}
	dir := run.Do
	if rest, ok := strings.CutPrefix(w, "-"); ok {
		w, dir = rest, run.Undo
	}
	id, end := w, byte('+')
	if i := strings.IndexAny(w, "+=!?~"); i > 0 {
		id, end = w[:i], w[i]
	}
	switch end {
	case '=':
		return entry(run.Outcome, id, dir, run.Ended{OK: true})
	case '!':
		return entry(run.Outcome, id, dir, run.Ended{Error: "it broke"})
	case '?':
		return entry(run.Outcome, id, dir, run.Ended{Unclear: true})
	case '~':
		return entry(run.Outcome, id, dir, run.Ended{OK: true, Skipped: true})
	}
	return entry(run.Intent, id, dir, run.Intended{Memo: "memo of " + id})
}

func TestFoldRefuses(t *testing.T) {
	const one, two = "a b* c? m | z^ y^~", "a m b c m | z^"
	tests := []struct{ name, plan, entries, want string }{
		{"a forward step on the way back", one, "a+ a! back0 b+", "next is undo a"},
		{"a forward outcome on the way back", one, "a+ back0 a=", "next is undo a"},
		{"an undo without a decision", one, "a+ a= -a", "next is do b"},
		{"an undo out of order", one, "a+ a= b+ b= back0 -a", "next is undo b"},
		{"an undo of what was never begun", one, "a+ a= back0 -b", "next is undo a"},
		{"a step out of order", one, "b+", "next is do a"},
		{"a step twice", one, "a+ a= a+", "next is do b"},
		{"an Intent of a check", one, "a+ a= b+ b= c+", "next is do c"},
		{"success without an Intent", one, "a=", "next is do a"},
		{"unclear without an Intent", one, "a?", "next is do a"},
		{"an irreversible step before the barrier", one, "a+ a= b+ b= c= m1 z+", "next is seal"},
		{"the barrier unsealed", one, "a+ a= b+ b= c= m1 cross", "next is seal"},
		{"sealed too early", one, "a+ a= seal", "next is do b"},
		{"sealed on the way back", one, "a+ a= back0 seal", "next is undo a"},
		{"the barrier on the way back", one, "a+ a= b+ b= c= m1 seal back0 cross", "next is undo b"},
		{"back after the barrier", one, "a+ a= b+ b= c= m1 seal cross back0", "back after the barrier"},
		{"skip before the barrier", one, "a+ a= b+ b! b+ b! skip:b", "next is back b"},
		{"skip of what did not fail", one, "a+ a= b+ b= c= m1 seal cross z+ skip:z", "nothing is to be decided"},
		{"accept of another step", one, "a+ a? accept:b", "the run waits at step a"},
		{"skip where only retry and accept are offered", one, "a+ a? skip:a", "is no choice at step a"},
		{"retry of a step that is done", one, "a+ a= retry:a", "nothing is to be decided"},
		{"a made-up choice", one, "a+ a? hope:a", "unknown choice"},
		{"a milestone that is not reached", two, "a+ a= m1 b+ m2", "next is recover b"},
		{"back to a milestone that is not reached", two, "a+ a= back1", "has not reached"},
		{"back to a milestone before the origin", two, "a+ a= m1 back0 land0", "landing at milestone 0"},
		{"back to a later milestone than before", two, "a+ a= m1 b+ b= back0 back1", "has not reached"},
		{"back to the last milestone, which has no landing", two, "a+ a= m1 b+ b= c+ c= m2 back2", "can only go on"},
		{"landing before its milestone is reached", two, "a+ a= m1 b+ b= back1 land1", "without having gone back"},
		{"landing elsewhere", two, "a+ a= m1 back1 land2", "landing at milestone 2"},
		{"a step of the plan in the landing", two, "a+ a= m1 b+ b! back1 -b -b= land1 c+", "next is do l1.v"},
		{"closed too early", one, "a+ a= new2", "next is do b"},
		{"closed with another result", one, "a+ a= back0 -a -a= new2", "next is close"},
		{"closed at another version", one, "a+ a= back0 -a -a= old2", "next is close"},
		{"anything after the end", one, "a+ a= back0 -a -a= old1 a+", "closed already"},
		{"a step that the plan has not", one, "x+", "no such step"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := compose(tt.plan, "origin")
			entries := tell(p, tt.entries)
			if _, err := run.Fold(p, entries[:len(entries)-1]); err != nil {
				t.Fatalf("the entries before are refused too: %v", err)
			}
			_, err := run.Fold(p, entries)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFoldRefusesOtherJournals(t *testing.T) {
	p := compose("a m | z^", "origin")
	other := compose("a b m | z^", "origin")
	bent := func(change func(*run.Entry)) []run.Entry {
		e := tell(p, "a+ a=")
		change(&e[2])
		return e
	}
	for _, tt := range []struct {
		name, want string
		entries    []run.Entry
	}{
		{"of another plan", "opened for plan", tell(other, "")},
		{"without a beginning", "begins with RunOpened", tell(p, "a+")[1:]},
		{"opened twice", "begins with RunOpened", append(tell(p, ""), numbered(opened(p), 2))},
		{"of another run", "is of run x", bent(func(e *run.Entry) { e.Run = "x" })},
		{"not in order", "does not come after entry 2", bent(func(e *run.Entry) { e.Seq = 2 })},
		{"of a newer Upkeep", "newer Upkeep", bent(func(e *run.Entry) { e.Kind = "Paused" })},
		{"with a body that cannot be read", "cannot read its body", bent(func(e *run.Entry) { e.Body = json.RawMessage(`{"ok":1}`) })},
	} {
		if _, err := run.Fold(p, tt.entries); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("a journal %s: the error is %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestNext follows runs to where they end or wait.
func TestNext(t *testing.T) {
	const one, two, three = "a b* c? m | z^ y^~", "a m b>1 c m | z^", "a m b m c m | z^"
	tests := []struct{ name, plan, mode, entries, want string }{
		{"a failed step is tried again", one, "", "a+ a= b+ b!", "do b again"},
		{"and then goes back", one, "", "a+ a= b+ b! b+ b!", "back b"},
		{"a failed preparation has nothing to undo", one, "", "a! back0", "close old 1"},
		{"an interrupted step is looked at", one, "", "a+", "recover a do"},
		{"an interrupted undo too", one, "", "a+ back0 -a", "recover a undo"},
		{"an unclear step waits", one, "", "a+ a?", "wait a [retry accept back]"},
		{"behind the barrier it cannot go back", one, "", "a+ a= b+ b= c= m1 seal cross z+ z?", "wait z [retry accept]"},
		{"behind the barrier a failure waits", one, "", "a+ a= b+ b= c= m1 seal cross z+ z!", "wait z [retry skip]"},
		{"skipped it is passed", one, "", "a+ a= b+ b= c= m1 seal cross z+ z! skip:z", "do y"},
		{"an accepted step is done", one, "", "a+ a? accept:a", "do b"},
		{"a step to retry is done anew", one, "", "a+ a? retry:a", "do a"},
		{"a failed undo is tried three times", one, "", "a+ a= back0 -a -a! -a -a!", "undo a again"},
		{"and then waits", one, "", "a+ a= back0 -a -a! -a -a! -a -a!", "wait a [retry accept]"},
		{"an unclear undo waits at once", one, "", "a+ a= back0 -a -a?", "wait a [retry accept]"},
		{"an accepted undo lets the rest go on", one, "", "a+ a= b+ back0 -b -b? accept:b", "undo a"},
		{"a retried undo is looked at first", one, "", "a+ a= back0 -a -a? retry:a", "recover a undo"},
		{"the cancel between seal and barrier", one, "", "a+ a= b+ b= c= m1 seal back0", "undo b"},
		{"stay: back to the milestone", two, "stay", "a+ a= m1 b+ b= c+ c!", "back c to 1"},
		{"origin: back to the beginning", two, "origin", "a+ a= m1 b+ b= c+ c!", "back c"},
		{"what matters for a milestone only is passed", two, "origin", "a+ a= m1 b+ b= c+ c! back0 -c -c=", "skip-undo b"},
		{"and undone on the way to it", two, "stay", "a+ a= m1 b+ b= c+ c! back1 -c -c=", "undo b"},
		{"then it lands", two, "stay", "a+ a= m1 b+ b! back1 -b -b=", "land to 1"},
		{"a landing has a barrier of its own", two, "stay", "a+ a= m1 b+ b! back1 -b -b= land1 l1.v= l1.u+ l1.u=", "seal l1.barrier"},
		{"a landing that fails goes to the origin", two, "stay", "a+ a= m1 b+ b! back1 -b -b= land1 l1.v!", "back l1.v"},
		{"and is undone first", two, "stay", "a+ a= m1 b+ b! back1 -b -b= land1 l1.v= l1.u+ l1.u! back0", "undo l1.u"},
		{"stay: the highest milestone", three, "stay", "a+ a= m1 b+ b= m2 c+ c!", "back c to 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := compose(tt.plan, tt.mode)
			s, err := run.Fold(p, tell(p, tt.entries))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, brief(run.Next(s))); diff != "" {
				t.Errorf("what comes next (-want +got):\n%s", diff)
			}
		})
	}
}

// brief writes an action in short.
func brief(a run.Action) string {
	words := []string{string(a.Kind)}
	add := func(yes bool, w string) {
		if yes {
			words = append(words, w)
		}
	}
	add(a.Step.ID != "", a.Step.ID)
	add(a.Dir != "", string(a.Dir))
	add(a.Again, "again")
	add(a.To > 0, "to "+string(rune('0'+a.To)))
	add(a.Kind == run.ActClose, string(a.Result)+" "+a.Version)
	if len(a.Choices) > 0 {
		var c []string
		for _, x := range a.Choices {
			c = append(c, string(x))
		}
		words = append(words, "["+strings.Join(c, " ")+"]")
	}
	return strings.Join(words, " ")
}
