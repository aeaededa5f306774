package manage

import "time"

// waitLock waits for a lock that is held for moments only.
func waitLock(path string) (release func(), err error) {
	for {
		l, held, err := takeLock(path)
		if err != nil {
			return nil, err
		}
		if held == 0 {
			return l.release, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}
