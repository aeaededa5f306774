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

// translate has help be in the language, from when it is asked for.
func (a *App) translate(root *cobra.Command) {
	if a.language == nil {
		return
	}
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = a.language.Text(cmd.Long)
		for _, c := range append(slices.Clone(cmd.Commands()), cmd) {
			c.Short = a.language.Text(c.Short)
		}
		for _, flags := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
			flags.VisitAll(func(f *pflag.Flag) {
				if name, ok := strings.CutPrefix(f.Usage, "help for "); ok {
					f.Usage = "how to use " + name
				}
				f.Usage = a.language.Text(f.Usage)
			})
		}
		root.SetUsageTemplate(a.template(root))
		help(cmd, args)
	})
}

// template is cobra's, with the words of the language in the place of its own.
func (a *App) template(root *cobra.Command) string {
	template := root.UsageTemplate()
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
	return strings.Join(lines, "\n")
}

// isYes says whether an answer is a yes: in the language, or in English, which
// many type without looking.
func (a *App) isYes(line string) bool {
	answer, yes := strings.ToLower(strings.TrimSpace(line)), a.language.Word("yes")
	return slices.Contains([]string{"y", "yes", yes, string([]rune(yes)[:1])}, answer)
}
