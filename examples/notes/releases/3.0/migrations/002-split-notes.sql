-- The notes refer to their authors; ids and times stay what they are.
CREATE TABLE notes_of_authors (
  id        INTEGER PRIMARY KEY,
  author_id INTEGER NOT NULL REFERENCES authors (id),
  title     TEXT NOT NULL,
  body      TEXT NOT NULL,
  created   TEXT NOT NULL
);

INSERT INTO notes_of_authors (id, author_id, title, body, created)
SELECT n.id, a.id, n.title, n.body, n.created
FROM notes AS n JOIN authors AS a ON a.name = n.author;

DROP TABLE notes;
ALTER TABLE notes_of_authors RENAME TO notes;
CREATE INDEX notes_created ON notes (created);
CREATE INDEX notes_author ON notes (author_id, created);

UPDATE schema_version SET version = 3;
