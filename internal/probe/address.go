package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// readAddress: the addresses of this computer that lie in a network (CIDR), or
// are the address that is given.
func readAddress(_ context.Context, _ *Evaluator, q query) (Value, error) {
	network, err := networkOf(q.arg)
	if err != nil {
		return Value{}, err
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	var own, in []string
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue // of a kind that is no address of IP
		}
		text := p.Addr().Unmap().String()
		own = append(own, text)
		if network.Contains(p.Addr().Unmap()) {
			in = append(in, text)
		}
	}
	slices.Sort(in)
	if in = slices.Compact(in); len(in) == 0 {
		return Value{Evidence: fmt.Sprintf("none of the addresses of this computer is in %s: %s", network, oneLine(strings.Join(own, ", "), 160))}, nil
	}
	text := strings.Join(in, ", ")
	return Value{Text: text, Present: true, Evidence: fmt.Sprintf("this computer has %s in %s", oneLine(text, 120), network)}, nil
}

// networkOf reads 10.0.0.0/8, 2001:db8::/32, or one address.
func networkOf(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, malformed("%q is no network such as 10.0.0.0/8, and no address", oneLine(text, 80))
	case p.Masked() != p:
		return p, malformed("%s is no network: the network that it lies in is %s", text, p.Masked())
	}
	return p, nil
}

func checkAddress(q query) error {
	_, err := networkOf(q.arg)
	return err
}
