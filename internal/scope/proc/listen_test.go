package proc

import (
	"net/netip"
	"slices"
	"testing"
)

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0000000000000000 100 0 0 10 0
   3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6666 1 0000000000000000 100 0 0 10 0
   4: 0000000000000000FFFF00000200007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7777 1 0000000000000000 100 0 0 10 0
`

func TestListeners(t *testing.T) {
	for at, want := range map[string][]string{
		"127.0.0.1:8080": {"4711"}, "127.0.0.2:8080": {"7777"}, "[::1]:8080": {"6666"}, "0.0.0.0:8080": {"4711", "6666", "7777"},
		"192.0.2.1:22": {"22"}, "127.0.0.1:80": nil,
	} {
		if got := listeners([]byte(tcpTable), netip.MustParseAddrPort(at)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}

func FuzzListeners(f *testing.F) {
	f.Add([]byte(tcpTable))
	at := netip.MustParseAddrPort("127.0.0.1:8080")
	f.Fuzz(func(t *testing.T, table []byte) { listeners(table, at) })
}
