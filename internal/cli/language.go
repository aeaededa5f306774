package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"upkeep/internal/lingua"
)

// spoken is the language that a command line or the environment asks for. It
// is looked for before the line is read, since help and mistakes in the line are
// in that language too. What the environment names and nobody has translated is
// English; what the flag names must be there.
func spoken(args []string, getenv func(string) string) (*lingua.Language, error) {
	name, given := flagged(args)
	if given {
		code := lingua.Chosen(name)
		if code == "" {
			return nil, fmt.Errorf("--language is %s, not %q", strings.Join(lingua.Codes(), " or "), name)
		}
		return lingua.Of(code)
	}
	for _, v := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} { // the first that is set decides, as everywhere
		if name := getenv(v); name != "" {
			if code := lingua.Chosen(name); code != "" {
				return lingua.Of(code)
			}
			return nil, nil
		}
	}
	return nil, nil
}

// flagged is what --language says.
func flagged(args []string) (name string, given bool) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if v, ok := strings.CutPrefix(arg, "--language="); ok {
			name, given = v, true
		}
		if arg == "--language" && i+1 < len(args) {
			name, given = args[i+1], true
		}
	}
	return name, given
}

// translate puts the help of all commands into the language.
func (a *App) translate(root *cobra.Command) {
	if a.language == nil {
		return
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		cmd.Short, cmd.Long = a.language.Text(cmd.Short), a.language.Text(cmd.Long)
		for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) {
				if text, ok := strings.CutPrefix(f.Usage, "help for "); ok {
					f.Usage = a.language.Text("how to use " + text)
					return
				}
				f.Usage = a.language.Text(f.Usage)
			})
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
	template := root.UsageTemplate() // of cobra, with words of its own
	for _, words := range []string{"Usage:", "Aliases:", "Examples:", "Available Commands:", "Additional Commands:", "Global Flags:", "Flags:", "Additional help topics:"} {
		template = strings.Replace(template, "\n"+words, "\n"+a.language.Word(words), 1)
	}
	template = strings.Replace(template, "Usage:", a.language.Word("Usage:"), 1)
	lines := strings.Split(template, "\n")
	for i, l := range lines {
		if use, ok := strings.CutSuffix(l, " for more information about a command.{{end}}"); ok {
			lines[i] = use + " " + a.language.Word("for more information about a command.") + "{{end}}"
		}
	}
	root.SetUsageTemplate(strings.Join(lines, "\n"))
}

// isYes says whether an answer is a yes: in the language, or in English, which
// many type without looking.
func (a *App) isYes(line string) bool {
	answer, yes := strings.ToLower(strings.TrimSpace(line)), a.language.Word("yes")
	return slices.Contains([]string{"y", "yes", yes, yes[:1]}, answer)
}
