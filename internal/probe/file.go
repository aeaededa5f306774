package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"upkeep/internal/durable"
)

// maxFile is the most that is read of a file whose content is looked at.
const maxFile = 16 << 20

// readFile: the content of a file, or what a selector takes out of it.
func readFile(ctx context.Context, e *Evaluator, q query) (Value, error) {
	text, err := slurp(ctx, e.deps.Files, q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: q.arg + " does not exist"}, nil
	case err != nil:
		return Value{}, err
	}
	v, err := q.pick(text, false)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	switch {
	case v.Present && q.Select != "":
		v.Evidence = fmt.Sprintf("%s in %s", oneLine(q.Select, 60), q.arg)
	case v.Present:
		v.Evidence = "content of " + q.arg
	case q.Select != "" && len(text) > 0:
		v.Evidence = fmt.Sprintf("%s holds no %s", q.arg, oneLine(q.Select, 60))
	default:
		v.Evidence = q.arg + " is empty"
	}
	return v, nil
}

// slurp reads a regular file whole, bounded.
func slurp(ctx context.Context, files Files, path string) ([]byte, error) {
	f, err := openRegular(files, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(cancellable{ctx, f}, maxFile+1))
	if err != nil {
		return nil, unreadable(path, cause(err))
	}
	if len(text) > maxFile {
		return nil, unreadable(path, fmt.Errorf("it is longer than %d bytes", maxFile))
	}
	return text, nil
}

// openRegular opens what the path leads to; fs.ErrNotExist comes as it is.
func openRegular(files Files, path string) (durable.ReadFile, error) {
	f, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, unreadable(path, cause(err))
	}
	info, err := f.Stat()
	if err == nil && !info.IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		f.Close()
		return nil, unreadable(path, cause(err))
	}
	return f, nil
}

// cause takes operation and path off an error that names them: ours does.
func cause(err error) error {
	var d *durable.Error
	if errors.As(err, &d) {
		return d.Err
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// cancellable stops a long read between two blocks.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
