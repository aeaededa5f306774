// Package cli is the terminal's face of Upkeep: it reads flags, calls package
// manage, and shows what comes back. It decides nothing that the page would
// have to decide again. It imports package manage and the model, cobra, and its
// own packages show and live.
package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"upkeep/internal/cli/show"
	"upkeep/internal/document"
	"upkeep/internal/hub/ask"
	"upkeep/internal/lingua"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/route"
	"upkeep/internal/run"
)

// The exit codes.
const (
	ExitDone      = 0
	ExitError     = 1
	ExitUsage     = 2
	ExitBlocked   = 3
	ExitWarnings  = 4
	ExitDeclined  = 5
	ExitOld       = 6
	ExitWaiting   = 7
	ExitWork      = 8
	ExitMilestone = 9
)

// App is the terminal's face with the streams that it talks through.
type App struct {
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	Getenv func(string) string
	Exe    string // this program

	installation string
	format       string
	color        string
	language     *lingua.Language // of what people read; nil: English
	by           string           // who gives the command, where no person does
	keyboard     *bufio.Reader    // In line by line, until the command is interrupted; see lines
}

// exit ends a command with a code; what there is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usage is a mistake in how the command was called.
type usage struct{ error }

// Run carries out one command line and gives its exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	if a.keyboard == nil {
		a.keyboard = bufio.NewReader(&typed{ctx, a.In})
	}
	var wrong error
	if a.language, wrong = spoken(args, a.Getenv); wrong != nil {
		return a.report(usage{wrong})
	}
	root := a.root()
	a.translate(root)
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	err := root.ExecuteContext(ctx)
	return a.report(err)
}

// report shows an error as its kind asks for, and gives the exit code.
func (a *App) report(err error) int {
	var code exit
	var refusal *plan.Refusal
	var wrong usage
	var refused *manage.RefusedError
	var older *route.OlderError
	var newer *manage.NeedsUpkeepError
	var payloads *manage.NeedsPayloadError
	var docs document.Errors
	var said *ask.Error
	w := a.writer(a.Err)
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &wrong):
		fmt.Fprintf(w, "upkeep: %s\n", a.language.Text(wrong.Error()))
		return ExitUsage
	case errors.As(err, &refusal):
		fmt.Fprint(w, show.Refusal(refusal, a.width()))
		return ExitBlocked
	case errors.As(err, &refused):
		fmt.Fprint(w, show.Refused(refused, a.width()))
		return ExitBlocked
	case errors.As(err, &older), errors.As(err, &newer) || errors.As(err, &payloads):
		fmt.Fprintf(w, "%s\n", show.Bad(show.CleanLines(a.language.Text(err.Error()))))
		return ExitBlocked
	case errors.As(err, &docs):
		fmt.Fprintln(w, a.language.Text(document.Pretty(err)))
		return ExitError
	case errors.As(err, &said) && said.Kind == ask.Invalid:
		fmt.Fprintf(w, "upkeep: %v\n", said)
		return ExitUsage
	case errors.As(err, &said) && said.Kind == ask.Refused:
		fmt.Fprint(w, show.Refused(&manage.RefusedError{What: said.Text, Reasons: said.Reasons}, a.width()))
		return ExitBlocked
	}
	fmt.Fprintf(w, "%s\n", show.Bad(show.CleanLines(a.language.Text(err.Error()))))
	return ExitError
}

// writer takes colours away where they are not wanted: not a terminal,
// NO_COLOR, a dumb terminal.
func (a *App) writer(out io.Writer) io.Writer {
	return colorprofile.NewWriter(out, os.Environ())
}

// tty says whether people watch the output.
func (a *App) tty() bool {
	f, ok := a.Out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && a.Getenv("TERM") != "dumb"
}

// width is what screens are laid out on.
func (a *App) width() show.Paper { return show.Paper{Columns: a.columns(), Language: a.language} }

func (a *App) columns() int {
	if f, ok := a.Out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			return min(w, 120)
		}
	}
	return 100
}

// print writes a text for people. What was laid out on a.width() is in their
// language already; of the rest each line is translated.
func (a *App) print(text string) { fmt.Fprint(a.writer(a.Out), a.language.Text(text)) }

// say writes what is said beside the answer: a question, what goes on. Where
// the answer is for machines it must not get in between.
func (a *App) say(text string) {
	if a.format == "json" {
		fmt.Fprint(a.writer(a.Err), a.language.Text(text))
		return
	}
	a.print(text)
}

// json writes a value for machines.
func (a *App) json(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// moreFormats is the annotation of a command that knows more formats than text
// and JSON, with their names.
const moreFormats = "formats"

// open opens the installation that the command is about.
func (a *App) open() (*manage.Installation, error) {
	path, err := manage.Locate(a.installation, manage.Folders())
	if err != nil {
		return nil, err
	}
	return manage.Open(path, a.Exe)
}

// command is how upkeep is called for this installation, for lines that say
// what to type next.
func (a *App) command() string {
	if a.installation == "" || a.installation == a.Getenv("UPKEEP_INSTALLATION") {
		return "upkeep"
	}
	return "upkeep --installation " + show.Quote(a.installation)
}

// person is who gives the command: through sudo, the one who called it.
func (a *App) person() string {
	if a.by != "" {
		return a.by
	}
	if name := a.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprint(os.Getuid())
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "upkeep",
		Short: "Upgrade self-hosted software, or have it exactly as it was",
		Long: `Upkeep upgrades the software that people host themselves. Whatever happens in
the middle, the product ends on the new version, verified, or exactly as it was,
data included.`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			formats := []string{"text", "json"}
			if more := cmd.Annotations[moreFormats]; more != "" {
				formats = append(formats, strings.Fields(more)...)
			}
			if !slices.Contains(formats, a.format) {
				return usage{fmt.Errorf("--format is %s, not %q", strings.Join(formats, " or "), a.format)}
			}
			return nil
		},
	}
	group(root)
	root.PersistentFlags().StringVar(&a.installation, "installation", a.Getenv("UPKEEP_INSTALLATION"), "`NAME` or document of the installation")
	root.PersistentFlags().String("language", "", "`CODE` of the language of what people read: "+strings.Join(lingua.Codes(), ", ")+" (default what LC_ALL, LC_MESSAGES or LANG say)") // read beforehand, for help too
	root.PersistentFlags().StringVar(&a.format, "format", "text", "text or json; of check also html or junit, of drift html")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage{fmt.Errorf("%w\nsee %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(a.status(), a.check(), a.drift(), a.features(), a.plan(), a.review(), a.rehearse(), a.upgrade(), a.resume(), a.back(), a.decide(), a.cancel(), a.runs(), a.backup(), a.mode(), a.holds(), a.feed(), a.scheduleCommand(), a.notify(), a.migrations(), a.install(), a.adopt(), a.remove(),
		a.done(), a.tasks(), a.doctor(), a.support(), a.hub(), a.auditLog(),
		a.vendor(), a.schema(), a.version(), a.selfUpgrade(), a.selfCheck(), a.engine(), a.errand(), a.demo(), a.setupHost(), a.removeHost(), a.recover())
	return root
}

// group has a command that is only a name for others show its help, and a
// word that is none of them be a mistake of usage.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, got []string) error {
		if len(got) == 0 {
			return cmd.Help()
		}
		text := fmt.Sprintf("there is no command %q in %s", got[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(got[0]); len(near) > 0 {
			text += ": did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage{fmt.Errorf("%s\nsee %s --help", text, cmd.CommandPath())}
	}
	return cmd
}

// noArgs and oneArg are cobra's checks, as mistakes of usage.
func args(n, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		if len(got) < n || len(got) > most {
			return usage{fmt.Errorf("%s wants %s\nsee %s --help", cmd.CommandPath(), what, cmd.CommandPath())}
		}
		return nil
	}
}

func (a *App) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Show the version of Upkeep", Args: args(0, 0, "no argument"), RunE: func(*cobra.Command, []string) error {
		if a.format == "json" {
			return a.json(map[string]any{"version": manage.Version(), "generation": run.Generation})
		}
		a.print("upkeep " + manage.Version() + "\n")
		return nil
	}}
}
