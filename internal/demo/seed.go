package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Notes is how many notes Seed writes.
const Notes = 480

// schema1 is the database of 1.0.
const schema1 = `
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);
CREATE TABLE notes (
  id      INTEGER PRIMARY KEY,
  author  TEXT NOT NULL,
  text    TEXT NOT NULL,
  created TEXT NOT NULL
);
CREATE INDEX notes_created ON notes (created);
`

// Seed makes the database of an installed 1.0 with its users' notes: the same
// ones every time. Some authors have written several notes that begin alike,
// as people do.
func Seed(ctx context.Context, path string) error {
	db, err := openDB(path, true)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("cannot write the first notes: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schema1); err != nil {
		return fmt.Errorf("cannot make the tables: %w", err)
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO notes (author, text, created) VALUES (?, ?, ?)")
	if err != nil {
		return fmt.Errorf("cannot write the first notes: %w", err)
	}
	defer insert.Close()
	dice := rand.New(rand.NewPCG(1, 480)) // seeded: deterministic by intent
	at := time.Date(2024, 3, 4, 8, 12, 0, 0, time.UTC)
	for range Notes {
		at = at.Add(time.Duration(20+dice.IntN(1800)) * time.Minute)
		text := pick(dice, beginnings) + pick(dice, middles) + pick(dice, endings)
		if _, err := insert.ExecContext(ctx, pick(dice, authors), text, at.Format(time.DateTime)); err != nil {
			return fmt.Errorf("cannot write the first notes: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("cannot write the first notes: %w", err)
	}
	return nil
}

func pick(dice *rand.Rand, of [12]string) string { return of[dice.IntN(len(of))] }

// What the notes are made of. Names and texts hold what breaks careless code:
// letters beyond ASCII, quotes, percent signs, right-to-left script.
var (
	authors = [...]string{"Ada Lindqvist", "Björn Ström", "Chloé Durand", "Dmitri Volkov", "Elif Yılmaz", "Fionnuala O'Brien",
		"Giulia Conti", "Haruka 田中", "Inés Núñez", "Jakub Šťastný", "Kwame Mensah", "לאה כהן"}
	beginnings = [...]string{"Shopping list. ", "Call the plumber. ", "Ideas for Saturday. ", "Meeting notes. ", "Recipe. ", "Garden. ",
		"Book club, chapter 7. ", "Train times. ", "Birthday presents. ", "Things to repair. ", "Questions for the doctor. ", "Film evening. "}
	middles = [...]string{"Milk, bread, two lemons", "The tap drips again", "A walk to the lake, if it is dry", "Budget up by 4.5%", "200 g flour & 3 eggs",
		"Water the beans \"lightly\"", "She said: 'not before June'", "8:42, platform 3", "A blue scarf", "The back wheel; the lamp", "Is the dose <2 ml?", "Tea für zwölf"}
	endings = [...]string{".", ", and ask Ada.", " (soon).", "!", ", as agreed.", " – or Sunday.", ", again.", " before noon.", " ✔", ", if there is time.", " in the hall.", "; see last week."}
)
