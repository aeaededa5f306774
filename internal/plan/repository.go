package plan

import (
	"strings"

	"upkeep/internal/site"
)

// RepositoryOf gives the repository of an installation's document; nil where
// restore points are kept by Upkeep itself.
func RepositoryOf(in *site.Installation) *Repository {
	b := in.Backup
	if !b.Restic() {
		return nil
	}
	r := &Repository{Location: b.Repository, Name: in.ID, Program: b.Program}
	if b.Password != nil {
		r.Password = SecretRef(*b.Password)
	}
	for name, v := range b.Environment {
		if r.Environment == nil {
			r.Environment = map[string]Variable{}
		}
		r.Environment[name] = Variable{Text: v.Text, Ref: (*SecretRef)(v.Ref)}
	}
	return r
}

// Folder is the folder in which it lies; empty: on another computer.
func (r *Repository) Folder() string {
	if r != nil && strings.HasPrefix(r.Location, "/") {
		return r.Location
	}
	return ""
}

// Keeper is what keeps restore points, where that is not Upkeep itself.
type Keeper struct {
	What string           // "restic 0.18.1, in sftp:backup@nas:/points"; empty: Upkeep does
	Kept map[string]int64 // unit to the bytes of its files that are there already
}

// keeper says where restore points go, when Upkeep does not keep them itself.
func (b *builder) keeper() {
	k, r := b.in.Facts.Keeper, RepositoryOf(b.in.Site)
	if r == nil || k.What == "" {
		return
	}
	b.note("restore points are kept by %s", k.What)
	if r.Folder() == "" {
		b.note("how much room there is for restore points cannot be told from here")
	}
}

// pointPlace is where the content of restore points takes room on this computer;
// nowhere, empty.
func pointPlace(in Input) string {
	if r := RepositoryOf(in.Site); r != nil {
		return r.Folder()
	}
	return in.Facts.Backup
}
