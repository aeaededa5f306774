package manage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// OpenTasksError says that people have something to do before a run opens.
type OpenTasksError struct{ Open []plan.Asked }

func (e *OpenTasksError) Error() string {
	var ids []string
	for _, a := range e.Open {
		ids = append(ids, a.ID)
	}
	return fmt.Sprintf("the run cannot open: people have to see to %s first; see upkeep tasks", strings.Join(ids, ", "))
}

// fresh is how long an answer counts: what nobody can read but a person may
// have changed since.
const fresh = 24 * time.Hour

// said is one word on the disk: a file each, so that two people who say
// something at once do not write over each other.
type said struct {
	Key  string `json:"key"`
	Kind string `json:"kind"`
	plan.Word
}

func (in *Installation) wordsDir() string { return filepath.Join(in.State, "people") }

func (in *Installation) wordPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(in.wordsDir(), hex.EncodeToString(sum[:16])+".json")
}

// words gives what people said and what still counts: it was said for one run,
// so that nothing counts which was said before the last one ended; an answer
// counts for a day.
func (in *Installation) words(ctx context.Context) (map[string]plan.Word, error) {
	out := map[string]plan.Word{}
	list, err := in.FS.ReadDir(in.wordsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what people said: %w", in.notMine(err))
	}
	since, err := in.lastEnd(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if !strings.HasSuffix(e.Name, ".json") {
			continue
		}
		raw, err := in.FS.ReadFile(filepath.Join(in.wordsDir(), e.Name))
		if err != nil {
			return nil, fmt.Errorf("cannot read what people said: %w", in.notMine(err))
		}
		var w said
		if err := json.Unmarshal(raw, &w); err != nil {
			return nil, fmt.Errorf("cannot read what people said in %s: %w", e.Name, err)
		}
		at, err := time.Parse(time.RFC3339Nano, w.At)
		stale := err != nil || !at.After(since) || plan.AskedKind(w.Kind) == plan.AskedAnswer && time.Since(at) > fresh
		if !stale {
			out[w.Key] = w.Word
		}
	}
	return out, nil
}

// lastEnd is when the last run ended; zero when none has.
func (in *Installation) lastEnd(ctx context.Context) (time.Time, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	defer j.Close()
	return j.LastEnd(ctx)
}

// notMine says in words that another account keeps the installation's state.
func (in *Installation) notMine(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s is managed by another account than %s: give the command as that account, or with sudo: %w", in.Doc.ID, in.Account, err)
	}
	return err
}

// say keeps a word. Where one is there already that counts, it stays, and is
// given; an answer replaces the one before.
func (in *Installation) say(ctx context.Context, kind plan.AskedKind, key string, w plan.Word) (before *plan.Word, err error) {
	if err := in.FS.MkdirAll(in.wordsDir(), 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep what was said: %w", in.notMine(err))
	}
	l, err := in.wordsLock(ctx)
	if err != nil {
		return nil, in.notMine(err)
	}
	defer l.release()
	all, err := in.words(ctx)
	if err != nil {
		return nil, err
	}
	if old, ok := all[key]; ok && (kind != plan.AskedAnswer || old.Value == w.Value) {
		return &old, nil
	}
	w.At = time.Now().UTC().Format(time.RFC3339Nano)
	raw, err := json.MarshalIndent(said{key, string(kind), w}, "", " ")
	if err != nil {
		return nil, err
	}
	if err := in.FS.WriteFile(in.wordPath(key), raw, 0o600); err != nil {
		return nil, fmt.Errorf("cannot keep what was said: %w", in.notMine(err))
	}
	return nil, nil
}

// wordsLock keeps two people who say something at once apart.
func (in *Installation) wordsLock(ctx context.Context) (*lock, error) {
	for range 200 {
		l, held, err := takeLock(filepath.Join(in.wordsDir(), "lock"))
		if err != nil || held == 0 {
			return l, err
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
	return nil, errors.New("cannot keep what was said: another upkeep command has been keeping something for 4 s")
}

// answer keeps the answers that a command brings along.
func (in *Installation) answer(ctx context.Context, releases []Release, req *Request) error {
	if len(req.Answers) == 0 {
		return nil
	}
	known := map[string]manifest.Probe{}
	for _, r := range releases {
		maps.Copy(known, questions(r.Product, r.Release))
	}
	for _, id := range slices.Sorted(maps.Keys(req.Answers)) {
		p, ok := known[id]
		if !ok && strings.Contains(id, ":") { // of an edited file: what is asked of it is not known yet
			if req.later == nil {
				req.later = map[string]string{}
			}
			req.later[id] = req.Answers[id]
			continue
		}
		if !ok {
			return fmt.Errorf("nobody asks %q: the questions are %s", id, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if _, err := in.say(ctx, plan.AskedAnswer, plan.AnswerKey(p.Args[0]), plan.Word{Value: plain(req.Answers[id]), By: req.By}); err != nil {
			return err
		}
	}
	return nil
}

// plain writes yes and no as documents do.
func plain(answer string) string {
	switch text := strings.TrimSpace(answer); strings.ToLower(text) {
	case "y", "yes":
		return "yes"
	case "n", "no":
		return "no"
	default:
		return text
	}
}

// questions are the values of documents that only a person can tell, by the
// name of what they are for.
func questions(p *manifest.Product, rel *manifest.Release) map[string]manifest.Probe {
	out := map[string]manifest.Probe{}
	add := func(id string, pr *manifest.Probe) {
		if pr != nil && pr.Source == "ask" && len(pr.Args) == 1 {
			out[id] = *pr
		}
	}
	for id, f := range p.Facts {
		add(id, &f)
	}
	for id, s := range p.Settings {
		add(id, &s.Read)
	}
	for id, c := range p.Components {
		add(id, c.Version)
	}
	for id, f := range rel.Facts {
		add(id, &f)
	}
	for _, c := range rel.Checks {
		add(c.ID, &c.Probe)
	}
	return out
}

// Asked gives what people do, answer and look at before a run of the request
// opens; also where no plan can be made for other reasons.
func (in *Installation) Asked(ctx context.Context, req Request) ([]plan.Asked, error) {
	p, err := in.survey(ctx, req)
	defer p.Close()
	var refusal *plan.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.People != nil:
		return refusal.People, nil
	case err != nil:
		return nil, err
	case p.UpToDate:
		return nil, nil
	}
	return p.Plan.People, nil
}

// DoneBefore records a person's word on a task, or on a finding, before a run
// opens.
func (in *Installation) DoneBefore(ctx context.Context, req Request, id string, w plan.Word) error {
	all, err := in.Asked(ctx, req)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a plan.Asked) bool { return a.ID == id })
	if i < 0 {
		var ids []string
		for _, a := range all {
			ids = append(ids, a.ID)
		}
		if len(ids) == 0 {
			return &NotAskedError{ID: id, Why: "nobody has anything to do before this upgrade"}
		}
		return &NotAskedError{ID: id, Why: "before this upgrade people are asked for " + strings.Join(ids, ", ")}
	}
	switch a := all[i]; {
	case a.Kind == plan.AskedAnswer:
		return &NotAskedError{ID: id, Why: fmt.Sprintf("it is a question (%s): answer it with --answer %s=VALUE", a.Text, id)}
	case a.Kind == plan.AskedFinding && strings.TrimSpace(w.Note) == "":
		return &NotAskedError{ID: id, Why: "say with --note what came of it: " + a.Text}
	case a.Lacks != "":
		return &UnprovenError{ID: id, Why: a.Lacks}
	default:
		before, err := in.say(ctx, a.Kind, a.Key, w)
		if err == nil && before != nil {
			return &NotAskedError{ID: id, Why: fmt.Sprintf("it was done already, as %s said at %s", before.By, before.At)}
		}
		return err
	}
}
