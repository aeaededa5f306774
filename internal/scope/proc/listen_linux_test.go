package proc

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

func TestListening(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Log(err) // no IPv6 here
			continue
		}
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		for _, asked := range []string{"127.0.0.1", "0.0.0.0"} {
			got, err := Listening(netip.AddrPortFrom(netip.MustParseAddr(asked), port))
			if err != nil || len(got) != 1 || got[0].PID != os.Getpid() {
				t.Errorf("of %s at %s: %v, %v", at, asked, got, err)
			}
		}
		l.Close()
		if got, err := Listening(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)); err != nil || len(got) != 0 {
			t.Errorf("closed, %s has %v, %v", at, got, err)
		}
	}
}
