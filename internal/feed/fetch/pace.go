package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/time/rate"
)

// pace is how slow a source may be: less than floor bytes in each window of
// waiting for it ends the reading. Time that we take ourselves, for a rate or
// for a slow disk, does not count.
type pace struct {
	window time.Duration
	floor  int64
}

// chunk is read at once: more would let a low rate jerk.
const chunk = 64 << 10

func (p pace) orReal() pace {
	if p == (pace{}) {
		return pace{window: 30 * time.Second, floor: 30 << 10}
	}
	return p
}

func (p pace) open(ctx context.Context, limit int64, open func(context.Context) (io.ReadCloser, int64, error)) (io.ReadCloser, int64, error) {
	p = p.orReal()
	inner, cancel := context.WithCancelCause(ctx)
	r := &paced{pace: p, outer: ctx, ctx: inner, cancel: cancel}
	if limit > 0 {
		r.limit = rate.NewLimiter(rate.Limit(limit), int(min(limit, chunk)))
	}
	var total int64
	err := r.watched(func() (err error) {
		r.r, total, err = open(inner)
		return err
	})
	if err != nil {
		cancel(nil)
		return nil, 0, err
	}
	r.waited, r.got = 0, 0
	return r, total, nil
}

// paced is a reader that gives up on a slow source.
type paced struct {
	pace
	outer, ctx context.Context
	cancel     context.CancelCauseFunc
	r          io.ReadCloser
	limit      *rate.Limiter

	waited time.Duration // in this window
	got    int64
}

func (r *paced) Read(b []byte) (n int, err error) {
	if r.limit != nil {
		b = b[:min(len(b), r.limit.Burst())]
	}
	if r.waited >= r.window {
		r.waited, r.got = 0, 0
	}
	err = r.watched(func() (err error) {
		n, err = r.r.Read(b)
		r.got += int64(n)
		return err
	})
	if err == nil && r.waited >= r.window && r.got < r.floor {
		err = r.slow()
	}
	if r.limit != nil && n > 0 {
		if werr := r.limit.WaitN(r.outer, n); werr != nil && err == nil {
			if err = r.outer.Err(); err == nil {
				err = errWindow // it would pass while it waits
			}
		}
	}
	return n, err
}

// watched does what waits for the source, until its window is over; once the
// window has its bytes, until another one has passed.
func (r *paced) watched(wait func() error) error {
	begun, left := time.Now(), r.window
	if r.got < r.floor {
		left -= r.waited
	}
	timer := time.AfterFunc(left, func() { r.cancel(ErrTooSlow) })
	err := wait()
	timer.Stop()
	r.waited += time.Since(begun)
	if err != nil && err != io.EOF {
		switch {
		case r.outer.Err() != nil:
			return r.outer.Err()
		case errors.Is(context.Cause(r.ctx), ErrTooSlow):
			return r.slow()
		}
	}
	return err
}

func (r *paced) slow() error {
	return fmt.Errorf("%w: %d bytes in %s; try again later, or name another mirror", ErrTooSlow, r.got, r.waited.Round(time.Second))
}

func (r *paced) Close() error {
	r.cancel(nil)
	return r.r.Close()
}
