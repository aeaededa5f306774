package proc

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// listens is the state of a socket that connections are made to
// (net/tcp_states.h).
const listens = "0A"

// listeners gives the inodes of the sockets of a table of the kernel
// (/proc/net/tcp, tcp6) that keep others from listening at the address. What
// cannot be read is left out.
func listeners(table []byte, at netip.AddrPort) (inodes []string) {
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) < 10 || f[3] != listens {
			continue
		}
		is, ok := socketAddress(f[1])
		if !ok || is.Port() != at.Port() {
			continue
		}
		if is.Addr() == at.Addr().Unmap() || is.Addr().IsUnspecified() || at.Addr().IsUnspecified() {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
}

// socketAddress reads an address as the kernel's tables write it: words of four
// bytes in the order of this computer, then the port.
func socketAddress(text string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(text, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	raw, err2 := hex.DecodeString(host)
	if !ok || err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) { // all that Upkeep is built for are little-endian
		slices.Reverse(word)
	}
	addr, _ := netip.AddrFromSlice(raw) // of 4 or 16 bytes
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), true
}
