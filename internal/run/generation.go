package run

// Generation is what this Upkeep makes of plans, entries and memos. It is
// raised when a run that one version began would be carried on by the next in
// another way: a verb's parameters or memo mean something else, an entry leads
// to another one. Whoever raises it decides whether Finishes still holds.
const Generation = 1

// Finishes says whether this Upkeep can finish a run that one of the given
// generation began. Journals of before generations were noted are of the first.
func Finishes(generation int) bool {
	return generation == Generation || generation == 0
}
