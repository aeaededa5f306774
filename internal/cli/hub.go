package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/console"
	"upkeep/internal/console/api"
	"upkeep/internal/hub"
	"upkeep/internal/hub/ask"
	"upkeep/internal/hub/local"
	"upkeep/internal/manage"
)

// pageAccount is whose the page's process is where root starts the hub.
const pageAccount = manage.PageAccount

// hubOptions are the flags of hub.
type hubOptions struct {
	listen   string
	pageAs   string
	releases string
	metrics  bool
	state    string
	tls      string
	cert     string
	key      string
	names    []string
	hsts     bool
	strict   *bool // hsts where it was given, otherwise by the port
}

func (a *App) hub() *cobra.Command {
	var o hubOptions
	cmd := &cobra.Command{Use: "hub", Short: "Serve the page: the same in a browser", Args: args(0, 0, "no argument"),
		Long: `Serve the page: what the terminal shows and does, in a browser, until it is
interrupted with Ctrl+C. Runs go on without it.

The page is a process of its own, with an account of its own where root starts
the hub. It reaches this process by a socket, and can only look and ask.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("hsts") {
				o.strict = &o.hsts
			}
			n, err := manage.TakeNotifier()
			if err == nil {
				err = a.runHub(cmd.Context(), o, n)
			}
			if err != nil {
				_ = n.Status(err.Error()) // for setup-host, status and the doctor; the journal has it too
			}
			return err
		}}
	cmd.Flags().AddFlagSet(o.flags())
	a.stateFlag(cmd, &o.state)
	cmd.AddCommand(a.hubPage(), a.hubLink(), a.hubPeople(&o.state), a.hubToken(&o.state))
	return cmd
}

// hubPage is the page's process. Its listener is the descriptor 3.
func (a *App) hubPage() *cobra.Command {
	var socket, hosts string
	var engine int
	var secure, strict, metrics bool
	cmd := &cobra.Command{Use: "page", Short: "Be the page of a hub (the hub starts it)", Hidden: true, Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := confine(); err != nil {
				return err
			}
			l, err := net.FileListener(os.NewFile(3, "listener"))
			if err != nil {
				return fmt.Errorf("the page is started by upkeep hub, which hands it its address: %w", err)
			}
			c := ask.NewClient(socket, func(c net.Conn) error { return hub.FromAccount(c, engine) })
			names := strings.Split(hosts, ",")
			p, err := console.New(console.Options{Hosts: names, Now: time.Now, Log: a.hubLog(), Engine: c, Keys: c, Secure: secure, Strict: strict,
				Machines: api.New(api.Options{Engine: c, Hosts: names, Strict: strict, Log: a.hubLog(), OpenMetrics: metrics})})
			if err != nil {
				return err
			}
			return p.Serve(cmd.Context(), l)
		}}
	cmd.Flags().StringVar(&socket, "socket", "", "socket of the engine side")
	cmd.Flags().StringVar(&hosts, "hosts", "", "names of the page, with commas between")
	cmd.Flags().IntVar(&engine, "engine", -1, "account of the engine side, a number")
	cmd.Flags().BoolVar(&secure, "secure", false, "serve it by TLS")
	cmd.Flags().BoolVar(&strict, "strict", false, "have browsers come by TLS only")
	cmd.Flags().BoolVar(&metrics, "metrics-open", false, "give metrics without a token")
	return cmd
}

func (a *App) hubLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (a *App) runHub(ctx context.Context, o hubOptions, n manage.Notifier) (err error) {
	account, err := pageOf(o.pageAs)
	if err != nil {
		return err
	}
	engine, err := a.hubEngine(o)
	if err != nil {
		return err
	}
	state, err := openHubState(o.state, a.hubLog())
	if err != nil {
		return err
	}
	tls, err := a.certificate(o, state.dir)
	if err != nil {
		return err
	}
	page, hosts, err := listen(o.listen, tls)
	if err != nil {
		return err
	}
	defer page.Close()
	socket, door, closeDoor, err := openDoor(account)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDoor()) }()

	address := tls.address(hosts)
	if err := keepAddress(state.dir, address); err != nil { // on a full disk: whoever has a session can look
		a.hubLog().Warn("the hub's folder cannot be written", "folder", state.dir, "why", err)
	}
	link := ""
	if !n.Wanted() { // the journal has more readers than a terminal
		if link, err = a.firstLink(state, address, a.person()); err != nil {
			a.hubLog().Warn("no link can be made", "why", err)
		}
	}
	if a.format == "json" {
		if err := a.json(map[string]string{"address": address, "link": link, "pageAs": account.Username, "fingerprint": tls.fingerprint()}); err != nil {
			return err
		}
	} else {
		a.print(show.Hub(address, link, tls.fingerprint(), account.Username, os.Geteuid() == 0, n.Wanted(), a.width()))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	newLink := func(by string) (string, error) { return a.askedLink(state, address, by) }
	closeLinks, err := a.serveLinks(ctx, hosts[0], newLink)
	if err != nil {
		a.hubLog().Warn("upkeep hub link cannot ask this hub", "why", err)
	}
	defer func() { cancel(); closeLinks() }()
	done := make(chan error, 2)
	uid, _ := strconv.Atoi(account.Uid) // pageOf has read it
	go func() {
		done <- state.forMachines(hub.New(engine, state.people, a.hubLog()).Auditing(state.audit).Signing(tls.keys), o.metrics).Serve(ctx, door, uid)
	}()
	go func() { done <- a.keepPage(ctx, account, page, pageArgs(socket, hosts, tls, o.metrics)) }()
	if err := n.Ready(); err != nil {
		a.hubLog().Warn("systemd does not hear that the hub is ready", "why", err)
	}
	err = <-done
	cancel()
	return errors.Join(err, <-done)
}

// firstLink makes the link of who starts the hub; none once an administrator can
// sign in.
func (a *App) firstLink(state *hubState, address, by string) (string, error) {
	i, err := state.people.First(by)
	if err != nil || i.Code == "" {
		return "", err
	}
	return address + "enter?code=" + i.Code, nil
}

// askedLink makes the link that a command of the hub's account asks for: the first
// one, or one for the account of that name.
func (a *App) askedLink(state *hubState, address, by string) (string, error) {
	link, err := a.firstLink(state, address, by)
	if link != "" || err != nil {
		return link, err
	}
	all, err := state.people.List()
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(all.People, func(p ask.PersonRow) bool { return p.Name == by }) {
		return "", &ask.Error{Kind: ask.Refused, Text: "administrators sign in with their passwords by now, and " + by + " has no account there: upkeep hub people link NAME makes a link for somebody who has"}
	}
	i, err := state.people.Invite(by)
	return address + "enter?code=" + i.Code, err
}

// hubEngine answers for this computer, or for the one installation that is named.
func (a *App) hubEngine(o hubOptions) (*local.Engine, error) {
	opts := local.Options{Exe: a.Exe}
	var err error
	if opts.Host, err = os.Hostname(); err != nil {
		return nil, fmt.Errorf("cannot tell the name of this computer: %w", err)
	}
	if a.installation != "" {
		if opts.Document, err = manage.Locate(a.installation, manage.Folders()); err != nil {
			return nil, err
		}
	}
	if o.releases != "" {
		if opts.Releases, err = filepath.Abs(o.releases); err != nil {
			return nil, err
		}
		if _, err := os.Stat(opts.Releases); err != nil {
			return nil, fmt.Errorf("cannot upgrade from the releases: %w", err)
		}
	}
	return local.New(opts), nil
}

// pageOf gives the account of the page's process.
func pageOf(name string) (*user.User, error) {
	if os.Geteuid() != 0 {
		if name != "" {
			return nil, usage{errors.New("--page-as is root's: who is not root has only one account")}
		}
		return user.Current()
	}
	wanted := name
	if wanted == "" {
		wanted = pageAccount
	}
	u, err := user.Lookup(wanted)
	var none user.UnknownUserError
	switch {
	case errors.As(err, &none):
		return nil, fmt.Errorf("there is no account %s for the page, which must not be root's: useradd --system --no-create-home --shell /usr/sbin/nologin %s makes it, or name another one with --page-as", wanted, wanted)
	case err != nil:
		return nil, fmt.Errorf("cannot look up the account of the page: %w", err)
	case u.Uid == "0":
		return nil, usage{errors.New("--page-as root would give the page all rights: name an account that has none")}
	}
	return u, nil
}

// pageArgs are what the page's process is started with.
func pageArgs(socket string, hosts []string, tls secured, metrics bool) []string {
	return []string{"--socket", socket, "--engine", strconv.Itoa(os.Geteuid()), "--hosts", strings.Join(hosts, ","),
		fmt.Sprintf("--secure=%v", tls.keys != nil), fmt.Sprintf("--strict=%v", tls.keys != nil && tls.strict), fmt.Sprintf("--metrics-open=%v", metrics)}
}

// listen opens the page's address, and gives the names that browsers may call it
// by.
func listen(address string, tls secured) (*net.TCPListener, []string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, usage{fmt.Errorf("--listen wants HOST:PORT: %w", err)}
	}
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, nil, fmt.Errorf("another program%s has the address %s already: end it, or name another one with --listen %s", holders(address), address, net.JoinHostPort(host, "PORT"))
	case err != nil:
		return nil, nil, fmt.Errorf("cannot serve the page: %w", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // of a listener
	return l.(*net.TCPListener), tls.hosts(host, port), nil
}

// openDoor makes the socket between the two, for the page's account.
func openDoor(account *user.User) (path string, l net.Listener, closeDoor func() error, err error) {
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return "", nil, nil, fmt.Errorf("cannot read the account of the page: %w", err)
	}
	dir, closeDir, err := manage.SocketFolder()
	if err != nil {
		return "", nil, nil, err
	}
	path = filepath.Join(dir, "engine")
	l, err = net.Listen("unix", path)
	if err == nil && uid != os.Geteuid() {
		err = os.Chown(path, uid, -1)
	}
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return "", nil, nil, errors.Join(fmt.Errorf("cannot make the hub's socket: %w", err), closeDir())
	}
	return path, l, closeDir, nil
}
