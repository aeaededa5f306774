package trust

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// patience is how long a refresh waits for another process that refreshes.
const patience = 30 * time.Second

// lock keeps other processes from the folder.
func (c *Client) lock(ctx context.Context) (release func(), err error) {
	if c.opt.Lock != nil {
		return c.opt.Lock(ctx)
	}
	path := filepath.Join(c.dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the lock of the feed: %w", err)
	}
	for until := time.Now().Add(patience); ; {
		held, err := tryLock(f)
		if err == nil && !held {
			return func() { f.Close() }, nil
		}
		if err == nil && time.Now().After(until) {
			err = c.err(Busy, path, nil)
		} else if err != nil {
			err = fmt.Errorf("cannot take the lock %s: %w", path, err)
		}
		if err == nil {
			select {
			case <-ctx.Done():
				err = c.err(Busy, path, context.Cause(ctx))
			case <-time.After(50 * time.Millisecond):
			}
		}
		if err != nil {
			f.Close()
			return nil, err
		}
	}
}
