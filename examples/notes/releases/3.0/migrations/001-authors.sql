-- One row an author instead of a name in every note.
CREATE TABLE authors (
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE,
  since TEXT NOT NULL -- when the first note was written
);

INSERT INTO authors (name, since)
SELECT author, min(created) FROM notes GROUP BY author ORDER BY min(created), author;
