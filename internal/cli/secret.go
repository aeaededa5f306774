package cli

import (
	"context"
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
func (a *App) newSecret(ctx context.Context, param string) (string, error) {
	path := manage.SecretFile(manage.Folders(), param)
	a.say("File to keep it in [" + show.Clean(path) + "]: ")
	if line, _ := a.lines().ReadString('\n'); strings.TrimSpace(line) != "" {
		path = strings.TrimSpace(line)
	}
	a.say("The secret (it is not shown): ")
	secret, err := a.secretLine(ctx)
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

// secretLine reads a secret; at a terminal it is not shown while it is typed.
func (a *App) secretLine(ctx context.Context) (string, error) {
	if f, ok := a.In.(*os.File); ok && a.lines().Buffered() == 0 && term.IsTerminal(int(f.Fd())) {
		return unseen(ctx, f)
	}
	line, err := a.lines().ReadString('\n')
	if err == io.EOF {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}
