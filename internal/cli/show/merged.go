package show

import (
	"strings"

	"upkeep/internal/lingua"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// MergedDoc is the JSON of an edited file that is merged or kept in its place.
type MergedDoc struct {
	Component string            `json:"component"`
	Version   string            `json:"version"` // of the release
	Path      string            `json:"path"`
	How       string            `json:"how"` // merge, keep
	Format    string            `json:"format,omitempty"`
	Kept      []string          `json:"kept,omitempty"`     // keys of the site that are in it
	Obsolete  []string          `json:"obsolete,omitempty"` // of these, those that the release has no more
	Choices   map[string]string `json:"choices,omitempty"`
	Diff      []string          `json:"diff,omitempty"` // from the site's file, without secrets
	title     string
	step      string
}

// mergedFiles lists what comes of edited files in a plan.
func mergedFiles(p *plan.Plan) []MergedDoc {
	var out []MergedDoc
	for _, s := range p.Steps {
		if s.Verb != "merge" {
			continue
		}
		params, err := step.Params[plan.MergeParams](s)
		if err != nil {
			continue // the run has read them
		}
		for _, f := range params.Files {
			out = append(out, MergedDoc{Component: params.Component, Version: p.Hops[s.Hop-1].To, Path: f.Path, How: f.How, Format: f.Format, Kept: f.Kept, Obsolete: f.Obsolete,
				Choices: f.Choices, Diff: f.Diff, title: f.Title(), step: s.ID})
		}
	}
	return out
}

// installed are those of a run that has installed them.
func installedFiles(p *plan.Plan, state *run.State) []MergedDoc {
	if c := state.Closed; c == nil || c.Result != run.ResultNew && c.Result != run.ResultMilestone {
		return nil
	}
	var out []MergedDoc
	for _, f := range mergedFiles(p) {
		if st := state.Steps[f.step]; st != nil && st.Status == run.Done {
			out = append(out, f)
		}
	}
	return out
}

// edited shows files with what is other in them than in the site's.
func edited(list []MergedDoc, width Paper) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(heading("Edited files"))
	for _, f := range list {
		b.WriteString(wrap(bold.Render(one(f.Path))+" "+faint.Render(one("of "+f.Component+" "+f.Version+":"))+" "+one(f.title), "  ", "    ", width))
		if len(f.Kept) > 0 {
			b.WriteString(wrap(one("of the site: "+strings.Join(f.Kept, ", ")), "    ", "    ", width))
		}
		for _, l := range f.Diff {
			line := "    " + Clean(l)
			switch {
			case strings.HasPrefix(l, "+"):
				line = green.Render(line)
			case strings.HasPrefix(l, "-"):
				line = red.Render(line)
			case strings.HasPrefix(l, "~"):
				line = yellow.Render(line)
			default:
				line = faint.Render(line)
			}
			b.WriteString(lingua.Verbatim + line + "\n")
		}
	}
	return b.String() + "\n"
}
