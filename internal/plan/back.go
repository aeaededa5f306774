package plan

import "strings"

// backTitle says what taking a step back means, for people who watch the way
// back.
func backTitle(s Step, params any) string {
	if s.Class != Reversible && s.Class != Outward {
		return ""
	}
	if s.TaskBack != nil {
		return "a person: " + s.TaskBack.Text
	}
	if s.Task != nil && s.Undo == "action" {
		return "nothing to take back: " + s.Title
	}
	name := s.ID[strings.LastIndexByte(s.ID, '.')+1:]
	switch p := params.(type) {
	case *StageParams:
		return "remove what was unpacked for " + p.Component
	case *MergeParams:
		return "put the files of " + p.Component + " back as they were unpacked"
	case *ParamsParams:
		return "put the installation document back as it was"
	case *CreateParams:
		return "remove what was made, with all that is in it"
	case *InstallParams:
		return "put the old " + p.Component + " back"
	case *PackageParams:
		if s.Verb == "fetch" {
			return "remove the packages that were fetched for " + p.Component
		}
		return "leave the packages of " + p.Component + " to the restore point"
	case *GuardParams:
		if p.Release != "" {
			return "keep packages from starting services again"
		}
		return "let services be started again, as before"
	case *AccessParams:
		switch {
		case p.Reopen != "":
			return "switch " + p.Name() + " on again"
		case p.Gate != nil:
			return "open the gate: users are in again"
		}
		return "switch " + p.Name() + " off, as it was"
	case *HoldParams:
		switch {
		case p.Release != "":
			return "hold it again: " + p.Release
		case p.End != "":
			return "hold it again, as in the register: " + p.What()
		}
		return "end the hold: " + name
	case *BackupParams:
		switch s.Verb {
		case "precopy":
			return "remove the first pass of the restore point"
		case "restore":
			return "put the data back as in the restore point, and compare"
		}
		if len(p.Covers) == 0 {
			return "keep the restore point"
		}
		return "put files and data back as in the restore point, and compare"
	case *RehearseParams:
		return "nothing: a rehearsal changes nothing"
	case *MigrateParams:
		return "leave " + p.Component + " to the restore point"
	case *VerifyParams:
		return "read back the old versions and services"
	case *RecordParams:
		if len(p.Want) > 0 {
			return "set the settings back to what they read before"
		}
		return "compare the settings with those recorded"
	case *NotifyParams:
		return "tell " + p.Who + " that it is cancelled"
	}
	switch s.Verb {
	case "stop":
		return "start " + name + " again, as it was"
	case "start":
		return "stop " + name
	case "reboot":
		return "nothing: a reboot needs not be taken back"
	}
	switch s.Undo {
	case "action":
		return "undo: " + s.Title
	case "restore":
		return "leave it to the restore point: " + s.Title
	case "none":
		return "cannot be put back: " + s.Title
	}
	return "put back: " + s.Title
}
