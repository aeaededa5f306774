package plan

import "encoding/json"

// Ends gives the step whose temporary change this step ends; empty when it
// begins one.
func Ends(s Step) string {
	var p struct{ Reopen, Release string }
	if json.Unmarshal(s.Params, &p) != nil {
		return ""
	}
	if p.Reopen != "" {
		return p.Reopen
	}
	return p.Release
}
