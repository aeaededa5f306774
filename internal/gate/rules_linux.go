package gate

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// Numbers of the kernel's interface that no imported package names.
const (
	icmpxPortUnreachable = 1 // NFT_REJECT_ICMPX_PORT_UNREACH, linux/netfilter/nf_tables.h
	rejectICMPX          = 2 // NFT_REJECT_ICMPX_UNREACH
	rejectReset          = 1 // NFT_REJECT_TCP_RST
	addrLocal            = 2 // RTN_LOCAL, linux/rtnetlink.h
	tcpFIN, tcpSYN       = 1, 2
	tcpRST, tcpACK       = 4, 16
)

const (
	usersChain = "users"
	ownChain   = "own"
	portsSet   = "ports"
)

// note is kept as the comment of the first rule, to be read back.
type note struct {
	Mark uint32 `json:"mark"`
	Port uint16 `json:"listener"`
}

// table adds the whole table to a batch.
func table(c *nftables.Conn, s Spec, port uint16) error {
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: prefix + s.Name})
	ports := &nftables.Set{Table: t, Name: portsSet, KeyType: nftables.TypeInetService}
	var elems []nftables.SetElement
	for _, p := range s.Ports {
		elems = append(elems, nftables.SetElement{Key: binary.BigEndian.AppendUint16(nil, p)})
	}
	if err := c.AddSet(ports, elems); err != nil {
		return err
	}
	accept := nftables.ChainPolicyAccept
	users := c.AddChain(&nftables.Chain{
		Name: usersChain, Table: t, Type: nftables.ChainTypeFilter, Policy: &accept,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityMangle,
	})
	n, err := json.Marshal(note{Mark: s.Mark, Port: port})
	if err != nil {
		return err
	}
	add := func(ch *nftables.Chain, parts ...[]expr.Any) {
		r := &nftables.Rule{Table: t, Chain: ch, Exprs: slices.Concat(parts...)}
		if n != nil {
			r.UserData, n = userdata.AppendString(nil, userdata.TypeComment, string(n)), nil
		}
		c.AddRule(r)
	}
	pass := []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	toProduct := []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, SetName: ports.Name, SetID: ports.ID},
	}
	// In this order: Upkeep's own packets; what is not for this machine; what is
	// not for the product.
	add(users, mark(expr.CmpOpEq, s.Mark), pass)
	add(users, []expr.Any{
		&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(addrLocal)},
	}, pass)
	add(users, proto(unix.IPPROTO_UDP), toProduct, reject(rejectICMPX))
	// Connections with the listener go on; a reset must reach the product, so
	// that it notices the end of those from before.
	add(users, proto(unix.IPPROTO_TCP), toProduct, []expr.Any{
		&expr.Socket{Key: expr.SocketKeyTransparent, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{1}},
	}, pass)
	add(users, proto(unix.IPPROTO_TCP), toProduct, flags(tcpRST, tcpRST), pass)
	// New ones go to the listener. Where that is gone, tproxy does not match, and
	// the last rule resets them like everything else.
	for family, to := range map[byte]netip.Addr{unix.NFPROTO_IPV4: netip.MustParseAddr("127.0.0.1"), unix.NFPROTO_IPV6: netip.IPv6Loopback()} {
		add(users, []expr.Any{
			&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		}, proto(unix.IPPROTO_TCP), toProduct, flags(tcpFIN|tcpSYN|tcpRST|tcpACK, tcpSYN), []expr.Any{
			&expr.Immediate{Register: 1, Data: to.AsSlice()},
			&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, port)},
			&expr.TProxy{Family: family, TableFamily: unix.NFPROTO_INET, RegAddr: 1, RegPort: 2},
		}, pass)
	}
	add(users, proto(unix.IPPROTO_TCP), toProduct, reject(rejectReset))
	if len(s.PassUIDs) == 0 {
		return nil
	}
	own := c.AddChain(&nftables.Chain{
		Name: ownChain, Table: t, Type: nftables.ChainTypeFilter, Policy: &accept,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle,
	})
	for _, uid := range s.PassUIDs {
		for _, p := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
			add(own, []expr.Any{
				&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte("lo\x00")},
				&expr.Meta{Key: expr.MetaKeySKUID, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(uid)},
			}, proto(p), toProduct, []expr.Any{
				&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(s.Mark)},
				&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
			})
		}
	}
	return nil
}

func mark(op expr.CmpOp, m uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: op, Register: 1, Data: binaryutil.NativeEndian.PutUint32(m)},
	}
}

func proto(p byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p}},
	}
}

// flags matches TCP flags: those in mask must be exactly those in want.
func flags(mask, want byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{want}},
	}
}

func reject(kind uint32) []expr.Any {
	return []expr.Any{&expr.Reject{Type: kind, Code: map[bool]uint8{true: icmpxPortUnreachable}[kind == rejectICMPX]}}
}

// apply puts the table in place of an earlier one, in one transaction.
func apply(s Spec, port uint16) error {
	c, err := nftables.New()
	if err != nil {
		return explain(err)
	}
	old := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: prefix + s.Name}) // so that it can be deleted
	c.DelTable(old)
	if err := table(c, s, port); err != nil {
		return err
	}
	return explain(c.Flush())
}

// remove deletes the table, if there is one.
func remove(name string) error {
	c, err := nftables.New()
	if err != nil {
		return explain(err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: prefix + name})
	c.DelTable(t)
	return explain(c.Flush())
}

// try lets the kernel check everything that a gate needs.
func try() error {
	l, err := listen(nil, DefaultMark)
	if err != nil {
		return explain(err)
	}
	l.close()
	c, err := nftables.New()
	if err != nil {
		return explain(err)
	}
	s := Spec{Name: fmt.Sprintf("try-%d", os.Getpid()), Ports: []uint16{9}, Mark: DefaultMark, PassUIDs: []uint32{65534}}
	if err := table(c, s, 9); err != nil {
		return err
	}
	c.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: prefix + s.Name})
	return explain(c.Flush())
}

func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("root is needed (CAP_NET_ADMIN): %w", err)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("the kernel has no nf_tables: %w", err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("the kernel lacks a part of nf_tables (tproxy, socket, fib and reject are needed, Linux 5.9): %w", err)
	}
	return err
}

// read returns the state of the kernel's table, and the listener's port in it.
// While somebody changes other tables, what the kernel lists may lack entries
// (NLM_F_DUMP_INTR), which the library does not tell: the table is asked for by
// its name, and what cannot be is read again.
func read(name string) (st State, port uint16, err error) {
	for range 10 {
		if st, port, err = readOnce(name); err == nil {
			return st, port, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return State{}, 0, err
}

func readOnce(name string) (State, uint16, error) {
	c, err := nftables.New()
	if err != nil {
		return State{}, 0, explain(err)
	}
	t := &nftables.Table{Family: nftables.TableFamilyINet, Name: prefix + name}
	if _, err := c.ListTableOfFamily(t.Name, t.Family); errors.Is(err, unix.ENOENT) {
		return State{}, 0, nil
	} else if err != nil {
		return State{}, 0, explain(err)
	}
	rules, err := c.GetRules(t, &nftables.Chain{Table: t, Name: usersChain})
	if errors.Is(err, unix.ENOENT) { // gone meanwhile
		return State{}, 0, nil
	}
	if err != nil {
		return State{}, 0, explain(err)
	}
	var n note
	if len(rules) != 8 || json.Unmarshal(comment(rules[0].UserData), &n) != nil {
		return State{}, 0, fmt.Errorf("the rules in table inet %s are not those of a gate: somebody changed them; put the gate up again, or delete the table", t.Name)
	}
	st := State{Up: true, Mark: n.Mark}
	elems, err := c.GetSetElements(&nftables.Set{Table: t, Name: portsSet})
	if err != nil {
		return State{}, 0, explain(err)
	}
	for _, e := range elems {
		if len(e.Key) >= 2 {
			st.Ports = append(st.Ports, binary.BigEndian.Uint16(e.Key))
		}
	}
	slices.Sort(st.Ports)
	return st, n.Port, nil
}

func comment(data []byte) []byte {
	s, _ := userdata.GetString(data, userdata.TypeComment)
	return []byte(s)
}

// tables lists the gates by the tables' names.
func tables() ([]string, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, explain(err)
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, explain(err)
	}
	var out []string
	for _, t := range all {
		if name, ok := strings.CutPrefix(t.Name, prefix); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}
