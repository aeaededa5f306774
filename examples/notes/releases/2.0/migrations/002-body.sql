-- What is not the title is the body. Programs of 1.0 no longer find their text.
ALTER TABLE notes RENAME COLUMN text TO body;

CREATE INDEX notes_title ON notes (title);

UPDATE schema_version SET version = 2;
