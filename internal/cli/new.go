package cli

import (
	"os"
	"path/filepath"
)

// exe is the path of this program.
func exe() string {
	p, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	return p
}

// New makes the terminal's face on this process's streams.
func New() *App {
	return &App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Exe: exe()}
}
