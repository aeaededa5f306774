package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// newSecret asks for a secret and writes it into a file of its own. It gives
// the reference to it; empty when nothing was typed.
func (a *App) newSecret(lines *bufio.Reader, keyboard io.Reader, param string) (string, error) {
	path := manage.SecretFile(manage.Folders(), param)
	a.say("File to keep it in [" + show.Clean(path) + "]: ")
	if line, _ := lines.ReadString('\n'); strings.TrimSpace(line) != "" {
		path = strings.TrimSpace(line)
	}
	a.say("The secret (it is not shown): ")
	secret, err := unseen(lines, keyboard)
	a.say("\n")
	if err != nil {
		return "", fmt.Errorf("cannot read the secret: %w", err)
	}
	if secret == "" {
		return "", nil
	}
	if err := manage.WriteSecret(path, secret); err != nil {
		return "", err
	}
	a.say(show.Good("written into "+show.Clean(path)+", mode 0600") + "\n")
	return "file:" + path, nil
}

// unseen reads a line; at a terminal it is not shown while it is typed.
func unseen(lines *bufio.Reader, keyboard io.Reader) (string, error) {
	if f, ok := keyboard.(*os.File); ok && lines.Buffered() == 0 && term.IsTerminal(int(f.Fd())) {
		raw, err := term.ReadPassword(int(f.Fd()))
		return string(raw), err
	}
	line, err := lines.ReadString('\n')
	if err == io.EOF {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}
