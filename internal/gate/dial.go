package gate

import (
	"net"
	"net/http"
	"syscall"
	"time"
)

// Dialer returns a dialer whose connections pass gates with this mark. It
// needs the right to set it (root); a mark of 0 makes a plain dialer.
func Dialer(mark uint32) *net.Dialer {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1}
	if mark != 0 {
		d.Control = func(_, _ string, c syscall.RawConn) error {
			var err error
			if cerr := c.Control(func(fd uintptr) { err = setMark(fd, mark) }); cerr != nil {
				return cerr
			}
			return err
		}
	}
	return d
}

// Transport returns an HTTP transport that passes gates with this mark. It
// uses no proxy and keeps no connection: a probe must see what a new one sees.
func Transport(mark uint32) *http.Transport {
	return &http.Transport{
		DialContext:           Dialer(mark).DialContext,
		DisableKeepAlives:     true,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	}
}
