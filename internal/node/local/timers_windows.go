package local

import (
	"context"
	"os"
	"os/exec"

	"upkeep/internal/service"
	"upkeep/internal/service/tasks"
)

// Timer reads a scheduled task. It was never run.
func (Services) Timer(ctx context.Context, name string) (service.Timer, bool, error) {
	run := func(ctx context.Context, args, env []string) ([]byte, error) {
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Env = append(os.Environ(), env...)
		return c.Output()
	}
	return tasks.Tasks{Run: run}.Timer(ctx, name)
}
