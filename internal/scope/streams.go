package scope

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// idle is how long a pipe that somebody outside the scope still holds open may
// stay silent before it is given up.
const idle = 250 * time.Millisecond

// streams are a child's standard descriptors and the goroutines behind them.
type streams struct {
	in, stdout, stderr *os.File   // the child's ends
	theirs             []*os.File // opened here for the child: closed once it has started
	readers            []*os.File
	inw                *os.File // our end of its input
	source             io.Reader
	out                *sink

	copies []func()
	wg     sync.WaitGroup
	ended  atomic.Bool

	once   sync.Once
	err    error         // what went wrong first, readable once broken is closed
	broken chan struct{} // closed when the child is to be ended because of err
}

func (c Command) streams(name string) (*streams, error) {
	limit := c.OutputLimit
	if limit <= 0 {
		limit = DefaultOutputLimit
	}
	s := &streams{broken: make(chan struct{}), out: &sink{to: c.Output, limit: limit, redact: c.Redact, name: name}}
	err := s.open(c)
	if err != nil {
		s.closeAll()
		return nil, err
	}
	return s, nil
}

func (s *streams) open(c Command) error {
	// standard error, and standard output unless it is wanted raw
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.readers, s.theirs = append(s.readers, r), append(s.theirs, w)
	s.stderr, s.stdout = w, w
	s.copies = append(s.copies, func() { s.pump(r, s.out) })

	switch f := c.Stdout.(type) {
	case nil:
	case *os.File:
		s.stdout = f
	default:
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		s.readers, s.theirs = append(s.readers, r), append(s.theirs, w)
		s.stdout = w
		s.copies = append(s.copies, func() {
			if err := s.pump(r, c.Stdout); err != nil {
				s.fail(fmt.Errorf("cannot take its output: %w", err))
				r.Close() // the child gets a broken pipe
			}
		})
	}

	switch f := c.Stdin.(type) {
	case nil:
		if s.in, err = os.Open(os.DevNull); err != nil {
			return err
		}
		s.theirs = append(s.theirs, s.in)
	case *os.File:
		s.in = f
	default:
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		s.in, s.inw, s.source, s.theirs = r, w, c.Stdin, append(s.theirs, r)
	}
	return nil
}

// feed copies the source into the child's input. Nobody waits for it: the
// source may block for ever, and what the child does not read is its own
// affair. When the source fails the input is not closed: a program that takes
// a cut input for a whole one would do half its work and say that all is well.
func (s *streams) feed() {
	buf := make([]byte, 64<<10)
	for {
		n, err := s.source.Read(buf)
		if n > 0 {
			if _, werr := s.inw.Write(buf[:n]); werr != nil {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			s.inw.Close()
			return
		}
		if err != nil {
			s.fail(fmt.Errorf("cannot read its input: %w", err))
			return
		}
	}
}

// pump reads until the end, or, once the scope has ended, until nothing comes.
func (s *streams) pump(r *os.File, to io.Writer) error {
	buf := make([]byte, 64<<10)
	for timeouts := 0; ; {
		if s.ended.Load() {
			_ = r.SetReadDeadline(time.Now().Add(idle))
		}
		n, err := r.Read(buf)
		if n > 0 {
			timeouts = 0
			if _, werr := to.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if timeouts++; timeouts > 1 { // the first one may only have been the call to look
				return nil
			}
		case errors.Is(err, io.EOF), errors.Is(err, os.ErrClosed), errors.Is(err, syscall.EIO):
			return nil
		default:
			return err
		}
	}
}

func (s *streams) files() []*os.File { return []*os.File{s.in, s.stdout, s.stderr} }

// started closes the child's ends here and begins to copy.
func (s *streams) started() {
	closeFiles(s.theirs)
	s.theirs = nil
	for _, c := range s.copies {
		s.wg.Go(c)
	}
	if s.inw != nil {
		go s.feed()
	}
}

// finish takes what is left in the pipes and returns what went wrong with them.
func (s *streams) finish() error {
	s.ended.Store(true)
	for _, r := range s.readers {
		_ = r.SetReadDeadline(time.Now())
	}
	s.wg.Wait()
	s.out.close()
	return s.failure()
}

func (s *streams) failure() error {
	select {
	case <-s.broken:
		return s.err
	default:
		return nil
	}
}

func (s *streams) fail(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.broken)
	})
}

func (s *streams) closeAll() {
	closeFiles(s.theirs)
	closeFiles(s.readers)
	if s.inw != nil {
		s.inw.Close()
	}
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
