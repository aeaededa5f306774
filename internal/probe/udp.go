package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
)

// readUDP: "open" when a program of this computer takes packets at a port. Of
// another computer that cannot be told: one that takes a packet and one that
// loses it are equally silent.
func readUDP(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	port, err := portOf(q.arg)
	if err != nil {
		return Value{}, err
	}
	lists := 0
	for _, list := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		text, err := slurp(ctx, e.deps.Files, list)
		if errors.Is(err, fs.ErrNotExist) { // no IPv6 here
			continue
		}
		if err != nil {
			return Value{}, err
		}
		lists++
		if at, ok := boundAt(string(text), port); ok {
			return Value{Text: "open", Present: true, Evidence: fmt.Sprintf("a program of this computer takes packets of UDP at %s", at)}, nil
		}
	}
	if lists == 0 {
		return Value{}, unreadable(q.arg, errors.New("the kernel shows no list of ports of UDP"))
	}
	return Value{Evidence: fmt.Sprintf("no program of this computer takes packets of UDP at port %d", port)}, nil
}

func portOf(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, malformed("%q is no port of this computer: of another one it cannot be told", oneLine(text, 80))
	}
	return uint16(n), nil
}

// boundAt finds, in the text of /proc/net/udp or udp6 (proc(5)), a socket that is
// bound to the port and connected to nobody.
//
//	12: 0100007F:0035 00000000:0000 07 …
func boundAt(text string, port uint16) (string, bool) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || strings.Trim(f[2], "0:") != "" {
			continue
		}
		host, p, ok := strings.Cut(f[1], ":")
		n, err := strconv.ParseUint(p, 16, 16)
		if ok && err == nil && uint16(n) == port {
			return netip.AddrPortFrom(kernelAddress(host), port).String(), true
		}
	}
	return "", false
}

// kernelAddress reads an address as the kernel prints it: words of four bytes,
// each in the order of the processor, which is least first on all that are built for.
func kernelAddress(hex string) netip.Addr {
	var b []byte
	for i := 0; i+8 <= len(hex); i += 8 {
		n, err := strconv.ParseUint(hex[i:i+8], 16, 32)
		if err != nil {
			return netip.Addr{}
		}
		b = append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	}
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}

func checkUDP(q query) error {
	_, err := portOf(q.arg)
	return err
}
