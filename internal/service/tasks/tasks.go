// Package tasks reads the scheduled tasks of Windows, through PowerShell. It
// is tested with a program that stands in for it, and was never run.
//
// It may import the standard library and package service.
package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/service"
)

// Run runs a program with these arguments, and with these entries beside its
// environment; it gives its standard output.
type Run func(ctx context.Context, args, env []string) ([]byte, error)

// Tasks reads scheduled tasks.
type Tasks struct{ Run Run }

const powershell = `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`

// script gets the name by the environment: a name is never a part of a program.
const script = `$ErrorActionPreference = 'Stop'
$t = Get-ScheduledTask -TaskPath $env:UPKEEP_TASK_PATH -TaskName $env:UPKEEP_TASK -ErrorAction SilentlyContinue
if (-not $t) { '{}'; exit 0 }
$i = $t | Get-ScheduledTaskInfo
function moment($d) { if ($d) { $d.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ') } else { '' } }
@{name=$t.TaskName; enabled=[bool]$t.Settings.Enabled; state=[int]$t.State; last=(moment $i.LastRunTime); next=(moment $i.NextRunTime); result=[long]$i.LastTaskResult} | ConvertTo-Json -Compress`

// States and results of the task scheduler (TASK_STATE, SCHED_S_TASK_…).
const (
	running   = 4
	isRunning = 0x41301
	notYet    = 0x41303
)

// Timer reads a task, as \Folder\Name or, in the root, Name. False: there is none.
func (t Tasks) Timer(ctx context.Context, name string) (service.Timer, bool, error) {
	cut := strings.LastIndex(name, `\`)
	folder, own := `\`+strings.TrimPrefix(name[:cut+1], `\`), name[cut+1:]
	if own == "" || strings.ContainsAny(name, "*?[]\x00\n") {
		return service.Timer{}, false, fmt.Errorf("%q cannot be the name of a scheduled task", name)
	}
	out, err := t.Run(ctx, []string{powershell, "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", script}, []string{"UPKEEP_TASK_PATH=" + folder, "UPKEEP_TASK=" + own})
	if err != nil {
		return service.Timer{}, false, fmt.Errorf("cannot ask for the scheduled task %s: %w", name, err)
	}
	return parse(out)
}

func parse(out []byte) (service.Timer, bool, error) {
	var said struct {
		Name, Last, Next string
		Enabled          bool
		State            int
		Result           int64
	}
	if err := json.Unmarshal(bytes.TrimSpace(bytes.TrimPrefix(out, []byte("\ufeff"))), &said); err != nil {
		return service.Timer{}, false, fmt.Errorf("cannot read what PowerShell says of the task: %w", err)
	}
	if said.Name == "" {
		return service.Timer{}, false, nil
	}
	timer := service.Timer{Name: said.Name, Enabled: "disabled"}
	if said.Enabled {
		timer.Enabled = "enabled"
	}
	timer.Last, timer.Next = moment(said.Last), moment(said.Next)
	timer.Active = said.Enabled && !timer.Next.IsZero() || said.State == running
	switch {
	case said.State == running || said.Result == isRunning:
		timer.Result = "running"
	case said.Result == notYet:
		timer.Last = time.Time{}
	case said.Result == 0:
		timer.Result = "success"
	default:
		timer.Result = fmt.Sprintf("0x%08x", uint32(said.Result))
	}
	return timer, true, nil
}

// moment reads a time; the scheduler's year 1899 and 1999 stand for never.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 2000 {
		return time.Time{}
	}
	return t
}
