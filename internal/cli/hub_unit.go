package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"upkeep/internal/cli/show"
	"upkeep/internal/hub"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
	"upkeep/internal/step"
)

// isPath marks flags of hub whose value is a path, which a unit needs whole.
const isPath = "path"

// flags are those of hub, which setup-host writes into its unit.
func (o *hubOptions) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("hub", pflag.ContinueOnError)
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`ADDRESS` of the page; one that other computers reach wants TLS")
	f.StringVar(&o.cert, "tls-cert", "", "`FILE` of the page's certificate with its chain, PEM; read anew when it changes")
	f.StringVar(&o.key, "tls-key", "", "`FILE` of its key, PEM; the page's process never reads it")
	f.StringVar(&o.tls, "tls", "", "self: a certificate made here, whose fingerprint is printed")
	f.StringArrayVar(&o.names, "name", nil, "`NAME` that browsers call the page by, beside those of the certificate; may be given several times")
	f.BoolVar(&o.hsts, "hsts", false, "have browsers come by TLS only from now on, on every port of the name (by itself where the port is 443)")
	f.StringVar(&o.pageAs, "page-as", "", "`ACCOUNT` of the page's process, which root alone can choose (default "+pageAccount+")")
	f.StringVar(&o.releases, "releases", "", "`DIR or FILE` of bundles to upgrade from; without it each installation's feed")
	f.BoolVar(&o.metrics, "metrics-open", false, "give metrics to programs of this computer without a token")
	for _, name := range []string{"releases", "tls-cert", "tls-key"} {
		_ = f.SetAnnotation(name, isPath, []string{isPath}) // it was defined right above
	}
	return f
}

// flagsGiven are the flags that somebody gave, as a unit takes them.
func flagsGiven(f *pflag.FlagSet) (args []string, err error) {
	f.VisitAll(func(one *pflag.Flag) {
		if !one.Changed {
			return
		}
		if list, ok := one.Value.(pflag.SliceValue); ok {
			for _, value := range list.GetSlice() {
				args = append(args, "--"+one.Name+"="+value)
			}
			return
		}
		if list, several := one.Value.(pflag.SliceValue); several {
			for _, v := range list.GetSlice() {
				args = append(args, "--"+one.Name+"="+v)
			}
			return
		}
		value := one.Value.String()
		if _, path := one.Annotations[isPath]; path && value != "" {
			abs, failed := filepath.Abs(value)
			value, err = abs, errors.Join(err, failed)
		}
		args = append(args, "--"+one.Name+"="+value)
	})
	return args, err
}

// setupHub has the page run as a unit, for one installation only or for all, and
// tells how to enter it.
func (a *App) setupHub(ctx context.Context, m *manage.Machine, o hubOptions, flags *pflag.FlagSet, only bool, wrote []string) error {
	if o.pageAs == "" {
		made, err := m.MakePageAccount(ctx)
		if err != nil {
			return err
		}
		if made {
			wrote = append(wrote, "the account "+manage.PageAccount+" for the page")
		}
	} else if _, err := pageOf(o.pageAs); err != nil {
		return err
	}
	args, err := flagsGiven(flags)
	if err != nil {
		return err
	}
	if only { // said with the command: what the environment says is about others
		document, err := manage.Locate(a.installation, manage.Folders())
		if err != nil {
			return err
		}
		args = append(args, "--installation="+document)
	}
	more, err := m.SetHub(ctx, args)
	wrote = append(wrote, more...)
	if err != nil {
		for _, f := range wrote {
			a.print("  " + f + "\n")
		}
		return err
	}
	link, err := a.askLink(ctx, o.listen)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(map[string]any{"wrote": append([]string{}, wrote...), "link": link})
	}
	for _, f := range wrote {
		a.print("  " + f + "\n")
	}
	a.print(show.Good("the page is served from now on, also when this computer has started anew; upkeep setup-host --no-hub takes it away") + "\n")
	a.print(show.NewLink(link, a.width()))
	return nil
}

// endHub takes the unit away.
func (a *App) endHub(ctx context.Context, m *manage.Machine) error {
	gone, err := m.EndHub(ctx)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(map[string][]string{"gone": append([]string{}, gone...)})
	}
	for _, f := range gone {
		a.print("  " + f + "\n")
	}
	a.print(show.Good("no page is served by this computer; runs go on without it") + "\n")
	return nil
}

// hubLink prints a new link of a hub that runs.
func (a *App) hubLink() *cobra.Command {
	var address string
	cmd := &cobra.Command{Use: "link", Short: "Print a new one-time link by which you enter the page of a hub that runs", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			link, err := a.askLink(cmd.Context(), address)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]string{"link": link})
			}
			a.print(show.NewLink(link, a.width()))
			return nil
		}}
	cmd.Flags().StringVar(&address, "listen", "", "`ADDRESS` of the page, where this account has several hubs")
	return cmd
}

// askLink has the hub of an address make a link; without one the only hub that
// there is.
func (a *App) askLink(ctx context.Context, address string) (string, error) {
	sockets, err := manage.LinkSockets()
	if err != nil {
		return "", err
	}
	alive := map[string]net.Conn{}
	defer func() {
		for _, c := range alive {
			c.Close()
		}
	}()
	for at, path := range sockets {
		if c, err := net.Dial("unix", path); err == nil { // otherwise a hub that was killed has left it
			alive[at] = c
		}
	}
	names := slices.Sorted(maps.Keys(alive))
	switch _, there := alive[address]; {
	case address != "" && !there:
		return "", &step.UserError{Msg: "no hub of this account serves " + address, Now: noHub(names)}
	case address == "" && len(names) == 0:
		return "", &step.UserError{Msg: "no hub of this account runs", Now: noHub(names)}
	case address == "" && len(names) > 1:
		return "", &step.UserError{Msg: "this account has several hubs: " + strings.Join(names, ", "), Now: "name one with --listen"}
	case address == "":
		address = names[0]
	}
	account := os.Geteuid()
	made, err := ask.NewClient(sockets[address], func(c net.Conn) error { return hub.FromAccount(c, account) }).Link(ctx, a.person())
	if err != nil {
		return "", fmt.Errorf("cannot get a link from the hub of %s: %w", address, err)
	}
	return made.Link, nil
}

func noHub(running []string) string {
	if len(running) > 0 {
		return "these run: " + strings.Join(running, ", ")
	}
	return "sudo upkeep setup-host --hub has one run all the time, upkeep hub until it is interrupted; links of root's hub are root's to ask for"
}

// serveLinks makes links for commands of this account until it is closed.
func (a *App) serveLinks(ctx context.Context, address string, link func(by string) (string, error)) (closeLinks func(), err error) {
	path, err := manage.LinkSocket(address)
	if path == "" || err != nil {
		return func() {}, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return func() {}, fmt.Errorf("cannot make the socket that upkeep hub link asks at: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return func() {}, errors.Join(fmt.Errorf("cannot keep others from the socket that upkeep hub link asks at: %w", err), l.Close())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := hub.ServeLinks(ctx, l, os.Geteuid(), a.hubLog(), link); err != nil && ctx.Err() == nil {
			a.hubLog().Warn("upkeep hub link cannot ask this hub any more", "why", err)
		}
	}()
	return func() { l.Close(); <-ended }, nil
}

// holders names who has an address, as far as that can be told.
func holders(address string) string {
	at, err := netip.ParseAddrPort(strings.Replace(address, "localhost:", "127.0.0.1:", 1))
	if err != nil {
		return ""
	}
	list, err := manage.Listening(at)
	if err != nil || len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, "; ") + ")"
}
