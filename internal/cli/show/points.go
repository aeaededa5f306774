package show

import (
	"upkeep/internal/backup"
	"upkeep/internal/plan"
)

// Points renders restore points, a line each.
func Points(width int, list ...backup.Point) string {
	var out rows
	for _, p := range list {
		if p.Broken != "" {
			out = append(out, []string{one(p.ID), Bad(one(p.Broken))})
			continue
		}
		out = append(out, []string{one(p.ID), one(p.About.Version), plan.Size(p.Size()), string(p.Consistency), p.Made.Local().Format("2006-01-02 15:04"), faint.Render(one(p.About.Note))})
	}
	return table("  ", out, 5, width)
}
