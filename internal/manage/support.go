package manage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/service"
	"upkeep/internal/site"
	"upkeep/internal/support"
)

// What a support bundle holds at most.
const (
	supportRuns = 5
	supportTail = 2 << 20 // bytes of the end of a log
)

// SupportBundle says what was written, and what could not be.
type SupportBundle struct {
	Path    string   `json:"path"`
	Holds   []string `json:"holds"`
	Missing []string `json:"missing,omitempty"` // what could not be read, and secrets that could not be looked for
}

const supportText = `What Upkeep knows of an installation, for whoever helps.

It holds: what the doctor found, the installation document, the latest runs with
their plans, journals and logs, the ends of the services' logs, and facts of the
computer. It holds no rows of databases, no files of the product, no memos, no
restore points.

Secrets were replaced by %s: the values of the secret parameters, and what has
the form of a password, a token or a key. Logs may name people all the same: look
through it before you send it.
`

// WriteSupport writes a support bundle to a new file that only its owner can
// read. It needs no run, no journal and no product: what cannot be read is left
// out, and named. The file is removed when it cannot be written whole.
func (in *Installation) WriteSupport(ctx context.Context, path, from string) (b SupportBundle, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return b, fmt.Errorf("cannot write the support bundle: %w", err)
	}
	f, err := in.FS.Create(path, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return b, fmt.Errorf("cannot write the support bundle: %s is there already: name another file with -o", path)
	}
	if err != nil {
		return b, fmt.Errorf("cannot write the support bundle: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = in.FS.Remove(path)
		}
	}()
	b.Path = path
	if err := in.writeSupport(ctx, f, &b, from); err != nil {
		return b, err
	}
	return b, in.FS.SyncFile(path)
}

// Support is a support bundle that lies nowhere, for who has asked for it.
func (in *Installation) Support(ctx context.Context, from string) ([]byte, error) {
	var out bytes.Buffer
	err := in.writeSupport(ctx, &out, &SupportBundle{}, from)
	return out.Bytes(), err
}

func (in *Installation) writeSupport(ctx context.Context, f io.Writer, b *SupportBundle, from string) error {
	redact := support.NewRedactor(in.secrets(ctx, b))
	a, err := support.NewArchive(f, "upkeep-support-"+in.Doc.ID, time.Now().UTC(), redact)
	if err != nil {
		return err
	}
	if err := in.supportParts(ctx, a, b, from); err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return err
	}
	b.Holds = a.Names
	for i, m := range b.Missing {
		b.Missing[i] = redact.Text(m)
	}
	return nil
}

// secrets reads the values of all secrets that the document refers to, so that they
// can be taken out.
func (in *Installation) secrets(ctx context.Context, b *SupportBundle) []string {
	var out []string
	read := local.Secrets{FS: in.FS}
	all := map[string]site.Value{"the password of the repository": {Ref: in.Doc.Backup.Password}}
	maps.Copy(all, in.Doc.Backup.Environment)
	for id, v := range all {
		if v.Ref != nil {
			v.Ref = &site.SecretRef{File: in.place(v.Ref.File), Env: v.Ref.Env}
			all[id] = v
		}
	}
	maps.Copy(all, in.Doc.Params)
	for id, v := range all {
		if v.Ref == nil {
			continue
		}
		s, err := read.Resolve(ctx, plan.SecretRef{File: v.Ref.File, Env: v.Ref.Env})
		if err != nil {
			b.Missing = append(b.Missing, fmt.Sprintf("the value of the secret %s could not be looked for: %v", id, err))
			continue
		}
		out = append(out, s)
	}
	slices.Sort(b.Missing)
	return out
}

// supportParts adds everything; only a write that fails is an error.
func (in *Installation) supportParts(ctx context.Context, a *support.Archive, b *SupportBundle, from string) error {
	missing := func(what string, err error) { b.Missing = append(b.Missing, what+": "+err.Error()) }
	if err := a.Add("README.txt", fmt.Sprintf(supportText, support.Removed)); err != nil {
		return err
	}
	if err := a.Add("facts.txt", in.supportFacts(ctx)); err != nil {
		return err
	}
	diagnosis, err := in.Doctor(ctx, from)
	if err != nil {
		return err // it was interrupted
	}
	if err := a.JSON("doctor.json", diagnosis); err != nil {
		return err
	}
	logs := map[string]string{"installation.yaml": in.Path}
	if _, err := in.FS.Lstat(in.doctorLog()); !errors.Is(err, fs.ErrNotExist) {
		logs["doctor.log"] = in.doctorLog()
	}
	if _, err := in.FS.Lstat(in.holdsLog()); !errors.Is(err, fs.ErrNotExist) {
		logs["holds.log"] = in.holdsLog()
	}
	if err := in.supportRuns(ctx, a, logs, missing); err != nil {
		return err
	}
	if p, err := in.product(ctx, from); err != nil {
		missing("the services' logs", err)
	} else if r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{}); err == nil {
		for _, sv := range r.Product.Services {
			if spec, err := r.Service(sv); err == nil && !spec.Systemd() {
				logs["services/"+sv.ID+".log"] = service.LogPath(filepath.Join(in.State, "services"), service.Spec{ID: spec.ID, Log: spec.Log})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		text, err := tail(logs[name])
		if err != nil {
			missing(name, err)
			continue
		}
		if err := a.Add(name, text); err != nil {
			return err
		}
	}
	return nil
}

func (in *Installation) supportRuns(ctx context.Context, a *support.Archive, logs map[string]string, missing func(string, error)) error {
	rows, err := in.Runs(ctx)
	if err != nil {
		missing("runs", err)
		return nil
	}
	if err := a.JSON("runs.json", rows); err != nil {
		return err
	}
	for _, row := range rows[:min(len(rows), supportRuns)] {
		dir := "runs/" + row.ID + "/"
		logs[dir+"log"] = filepath.Join(in.RunDir(row.ID), "log")
		logs[dir+"events.jsonl"] = filepath.Join(in.RunDir(row.ID), "events.jsonl")
		j, err := in.journal(ctx)
		if err != nil {
			missing(dir, err)
			continue
		}
		p, err := j.Plan(ctx, row.Plan)
		entries, eerr := j.Entries(ctx, row.ID, 0)
		j.Close()
		if err := errors.Join(err, eerr); err != nil {
			missing(dir, err)
			continue
		}
		if err := errors.Join(a.JSON(dir+"plan.json", p), a.JSON(dir+"journal.json", entries)); err != nil {
			return err
		}
	}
	return nil
}

// supportFacts are lines about the computer.
func (in *Installation) supportFacts(ctx context.Context) string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%-14s %s\n", key, value) }
	line("upkeep", Version())
	line("written", time.Now().UTC().Format(time.RFC3339))
	line("computer", in.Node)
	line("platform", runtime.GOOS+"/"+runtime.GOARCH)
	line("account", fmt.Sprintf("%s, root: %v", in.Account, in.Root))
	line("state", in.State)
	line("restore points", in.Place())
	p := probe.New(probe.Deps{Files: in.FS})
	for _, f := range [][2]string{{"os", "id"}, {"os", "version"}, {"os", "kernel"}, {"memory", "total"}, {"memory", "available"}, {"clock", "computer"}, {"pending-restart", "os"}, {"free", in.State}, {"free", in.Backup}} {
		v, err := p.Read(ctx, plan.Probe{Source: f[0], Args: []string{f[1]}})
		switch {
		case err != nil:
			line(f[0]+" "+f[1], err.Error())
		case v.Present:
			line(f[0]+" "+f[1], v.Text)
		default:
			line(f[0]+" "+f[1], "none")
		}
	}
	return b.String()
}

// tail reads the end of a file, from the beginning of a line.
func tail(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no regular file")
	}
	skip := max(0, info.Size()-supportTail)
	b, err := io.ReadAll(io.NewSectionReader(f, skip, supportTail))
	if err != nil {
		return "", err
	}
	if skip > 0 {
		_, b, _ = bytes.Cut(b, []byte("\n"))
		return fmt.Sprintf("… %d bytes before this are left out\n", info.Size()-int64(len(b))) + string(b), nil
	}
	return string(b), nil
}
