package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// watch starts again what is stopped: a supervisor that an upgrade has to hold.
func watch(ctx context.Context, list string) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, name := range strings.Fields(string(text)) {
			if exec.CommandContext(ctx, "systemctl", "-q", "is-active", name).Run() == nil || ctx.Err() != nil {
				continue
			}
			fmt.Printf("%s does not run: it is started\n", name)
			if err := exec.CommandContext(ctx, "systemctl", "start", name).Run(); err != nil {
				fmt.Printf("%s cannot be started: %v\n", name, err)
			}
		}
	}
}
