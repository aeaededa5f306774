package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"upkeep/internal/lab/host"
)

func main() {
	if err := try(); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func try() error {
	name := flag.String("name", "lab", "host name")
	packages := flag.String("packages", "", "Debian packages to put in beforehand, with commas between them")
	baseOnly := flag.Bool("base", false, "make the base and nothing else")
	binary := flag.String("upkeep", "bin/upkeep", "a binary to put at /usr/local/bin/upkeep, when it is there")
	flag.Parse()
	if os.Geteuid() != 0 {
		return fmt.Errorf("hosts of the lab need root")
	}
	if why := host.Missing(); why != "" {
		return fmt.Errorf("%s", why)
	}
	// An interrupt is for the shell inside, not for this program.
	signal.Ignore(os.Interrupt)
	if *baseOnly {
		dir, err := host.Base(context.Background())
		if err == nil {
			fmt.Println("the base is", dir)
		}
		return err
	}
	h, err := host.Open(context.Background(), host.Options{Name: *name, Packages: strings.FieldsFunc(*packages, func(r rune) bool { return r == ',' || r == ' ' })})
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.Up(); err != nil {
		return err
	}
	if _, err := os.Stat(*binary); err == nil {
		if err := h.Copy(*binary, "/usr/local/bin/upkeep"); err != nil {
			return err
		}
	}
	fmt.Printf("%s is up: %s on the lab's bridge, its files are %s. It goes with this shell.\n", h.Name, h.Addr, h.Path("/"))
	args := flag.Args()
	if len(args) == 0 {
		args = []string{"/bin/bash", "-l"}
	}
	cmd := h.Cmd(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if term := os.Getenv("TERM"); term != "" {
		cmd.Env = append(cmd.Env, "TERM="+term)
	}
	if err := cmd.Run(); err != nil {
		if exit := (*exec.ExitError)(nil); len(flag.Args()) == 0 && errors.As(err, &exit) {
			return nil // what the last command of a shell said is no failure of the lab
		}
		return err
	}
	return nil
}
