package show

import (
	"upkeep/internal/backup"
	"upkeep/internal/plan"
)

// Points renders restore points, a line each.
func Points(list ...backup.Point) string {
	var rows [][]string
	for _, p := range list {
		if p.Broken != "" {
			rows = append(rows, []string{p.ID, Bad(Clean(p.Broken))})
			continue
		}
		rows = append(rows, []string{p.ID, Clean(p.About.Version), plan.Size(p.Size()), string(p.Consistency), p.Made.Local().Format("2006-01-02 15:04"), faint.Render(Clean(p.About.Note))})
	}
	return columns("  ", rows)
}
