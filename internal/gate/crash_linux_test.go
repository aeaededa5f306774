package gate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

func TestEngineKilled(t *testing.T) {
	if port := os.Getenv("GATE_TEST_ENGINE"); port != "" {
		var n uint16
		if _, err := fmt.Sscan(port, &n); err != nil {
			t.Fatal(err)
		}
		g := New()
		mustUp(t, g, Spec{Name: "shop", Ports: []uint16{n}, Page: Page{Product: "first"}})
		fmt.Println("ready")
		time.Sleep(time.Minute)
	}
	if !namespace(t) {
		return
	}
	p, all := startProduct(t, 0), users(t)
	engine := exec.Command(os.Args[0], "-test.run=^TestEngineKilled$")
	engine.Env = append(os.Environ(), fmt.Sprintf("GATE_TEST_ENGINE=%d", p.port))
	out, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	if b := make([]byte, 6); true {
		if _, err := io.ReadFull(out, b); err != nil || string(b) != "ready\n" {
			t.Fatalf("engine says %q, %v", b, err)
		}
	}
	for _, u := range all {
		sees(t, u, p.port, 503, "first is unavailable")
	}
	_ = engine.Process.Kill()
	_ = engine.Wait()
	for _, u := range all {
		if status, _, err := u.get(p.port, 0); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s after the engine's death: %d, %v; want a reset", u.name, status, err)
		}
	}
	if p.hits.Load() != 0 {
		t.Errorf("%d requests reached the product", p.hits.Load())
	}
	if status, _, err := all[0].get(p.port, DefaultMark); status != 200 {
		t.Errorf("probe after the engine's death: %d, %v", status, err)
	}
	g := newGate(t)
	if st, err := g.State(t.Context(), "shop"); err != nil || !st.Up || st.Answering {
		t.Errorf("state %+v, %v", st, err)
	}
	mustUp(t, g, Spec{Name: "shop", Ports: []uint16{p.port}, Page: Page{Product: "second"}})
	for _, u := range all {
		sees(t, u, p.port, 503, "second is unavailable")
	}
	g.Close() // the engine ends; yet another one only takes the gate down
	mustDown(t, newGate(t), "shop")
	for _, u := range all {
		sees(t, u, p.port, 200, "product")
	}
}

func TestDeadListenersPortIsNotTaken(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g := startProduct(t, 0), newGate(t)
	mustUp(t, g, Spec{Name: "shop", Ports: []uint16{p.port}})
	port := g.listeners["shop"].port
	g.Close()
	thief := startProduct(t, port)
	for _, u := range users(t) {
		begin := time.Now()
		if status, body, err := u.get(p.port, 0); err == nil || time.Since(begin) > 500*time.Millisecond {
			t.Errorf("%s got %d %q, %v after %v; want a reset at once", u.name, status, body, err, time.Since(begin))
		}
	}
	if thief.hits.Load()+p.hits.Load() != 0 {
		t.Error("users reached somebody")
	}
}

func TestChangedRulesAreNoticed(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g := startProduct(t, 0), newGate(t)
	spec := Spec{Name: "shop", Ports: []uint16{p.port}}
	mustUp(t, g, spec)
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	tab := &nftables.Table{Family: nftables.TableFamilyINet, Name: "upkeep-shop"}
	c.FlushChain(&nftables.Chain{Table: tab, Name: usersChain})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if st, err := g.State(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "somebody changed them") {
		t.Errorf("state of an emptied gate: %+v, %v", st, err)
	}
	mustUp(t, g, spec)
	if st, err := g.State(t.Context(), "shop"); err != nil || !st.Up {
		t.Errorf("state %+v, %v", st, err)
	}
	c.FlushRuleset()
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if st, err := g.State(t.Context(), "shop"); err != nil || st.Up || st.Answering {
		t.Errorf("state after the rules were flushed: %+v, %v", st, err)
	}
	mustDown(t, g, "shop")
}

func TestHostFirewall(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g, all := startProduct(t, 0), newGate(t), users(t)
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	drop := nftables.ChainPolicyDrop
	tab := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "firewall"})
	in := c.AddChain(&nftables.Chain{Name: "in", Table: tab, Type: nftables.ChainTypeFilter, Policy: &drop, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	accept := []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	for _, match := range [][]expr.Any{
		{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte("lo\x00")}},
		append(proto(unix.IPPROTO_TCP), &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, p.port)}),
		proto(unix.IPPROTO_ICMPV6), // neighbours
	} {
		c.AddRule(&nftables.Rule{Table: tab, Chain: in, Exprs: append(match, accept...)})
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	other := startProduct(t, 0)
	for _, u := range all {
		sees(t, u, p.port, 200, "product")
		if u.name == "remote IPv4" {
			if status, _, err := u.get(other.port, 0); err == nil {
				t.Errorf("the firewall of this test does not work: %d", status)
			}
		}
	}
	mustUp(t, g, Spec{Name: "shop", Ports: []uint16{p.port}, Page: Page{Product: "Shop"}})
	for _, u := range all {
		sees(t, u, p.port, 503, "Shop is unavailable")
	}
}

func TestForwardedTrafficPasses(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g := startProduct(t, 0), newGate(t)
	a, err := cable(t, 75)
	if err != nil {
		t.Skip("no cable: ", err)
	}
	b, err := cable(t, 76)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		t.Skip("cannot be a router: ", err)
	}
	var other *product
	if err := b.do(func() error { other = startProduct(t, p.port); return nil }); err != nil {
		t.Fatal(err)
	}
	through := user{"through this machine", "10.76.0.2", a.dial}
	sees(t, through, p.port, 200, "product")
	mustUp(t, g, Spec{Name: "shop", Ports: []uint16{p.port}, Page: Page{Product: "Shop"}})
	sees(t, through, p.port, 200, "product")
	sees(t, user{"to this machine", "10.76.0.1", a.dial}, p.port, 503, "Shop is")
	if other.hits.Load() != 2 {
		t.Errorf("the other machine got %d requests", other.hits.Load())
	}
}
