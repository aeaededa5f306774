// Command xivod stands in for the programs of XiVO: each of its services is
// xivod with another name. It behaves as far as an upgrade can notice: it needs
// the services before it in the order, maps the product's library, refuses a
// schema of the database that is not its own, tells systemd when it serves,
// and takes its time to start and to stop.
//
// It is a part of the example and imports nothing of Upkeep.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unit is what one service needs and offers.
type unit struct {
	needs    []string      // addresses that must answer when it starts
	listen   string        // where it answers with its name and version
	database bool          // refuses to start on another schema
	start    time.Duration // until it serves
	stop     time.Duration // from the signal to the end
}

var units = map[string]unit{
	"dahdi":    {listen: "127.0.0.1:8660", start: 100 * time.Millisecond},
	"confgend": {listen: "127.0.0.1:8669", database: true, needs: []string{"127.0.0.1:8660"}, start: 100 * time.Millisecond},
	"provd":    {listen: "0.0.0.0:8667", database: true, needs: []string{"127.0.0.1:8669"}, start: 200 * time.Millisecond, stop: 100 * time.Millisecond},
	"agid":     {listen: "127.0.0.1:4573", database: true, needs: []string{"127.0.0.1:8667"}, start: 200 * time.Millisecond},
	"asterisk": {listen: "0.0.0.0:5038", needs: []string{"127.0.0.1:8669", "127.0.0.1:4573"}, start: 800 * time.Millisecond, stop: 300 * time.Millisecond},
	"ctid":     {listen: "0.0.0.0:5003", database: true, needs: []string{"127.0.0.1:5038"}, start: 300 * time.Millisecond, stop: 200 * time.Millisecond},
	"webi":     {listen: "127.0.0.1:9000", database: true, needs: []string{"127.0.0.1:5003"}, start: 200 * time.Millisecond},
	"monit":    {},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "xivod SERVICE")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func serve(name string) error {
	u, ok := units[name]
	if !ok {
		return errors.New("there is no such service")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	version, err := library("/usr/lib/xivo/libxivo.so")
	if err != nil {
		return err
	}
	for _, addr := range u.needs {
		c, err := net.DialTimeout("tcp", addr, 2*time.Second)
		if err != nil {
			return fmt.Errorf("what must be started before does not answer: %w", err)
		}
		c.Close()
	}
	if u.database {
		if err := schema(ctx, version); err != nil {
			return err
		}
	}
	time.Sleep(u.start)
	if u.listen != "" {
		l, err := net.Listen("tcp", u.listen)
		if err != nil {
			return err
		}
		defer l.Close()
		if name == "webi" {
			go web(l, version)
		} else {
			go greet(l, name+" "+version+"\n")
		}
	}
	fmt.Printf("%s serves with libxivo %s\n", name, version)
	if err := ready(); err != nil {
		return err
	}
	if name == "monit" {
		watch(ctx, "/etc/xivo-monit/units")
	}
	<-ctx.Done()
	time.Sleep(u.stop)
	fmt.Printf("%s ends\n", name)
	return nil
}

// library maps the product's library for good, as a linked program would, and
// reads the version in it: who was started before an upgrade of the library
// keeps the old one.
func library(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	text, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	if err != nil {
		return "", fmt.Errorf("cannot map %s: %w", path, err)
	}
	_, rest, ok := strings.Cut(string(text), "libxivo ")
	version, _, end := strings.Cut(rest, "\n")
	if !ok || !end {
		return "", fmt.Errorf("%s is no library of XiVO", path)
	}
	return version, nil
}

func greet(l net.Listener, text string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte(text))
		_ = c.Close()
	}
}

// ready tells systemd that it serves.
func ready() error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("READY=1"))
	return err
}
