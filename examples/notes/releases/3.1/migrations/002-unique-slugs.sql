-- Old addresses of the notes keep working.
CREATE TABLE redirects (
  old     TEXT PRIMARY KEY,
  note_id INTEGER NOT NULL REFERENCES notes (id)
);

INSERT INTO redirects (old, note_id) SELECT '/notes/' || id, id FROM notes;

-- Nobody thought of an author with two notes of one title. Real users have
-- them: this fails, after 001 has been committed.
CREATE UNIQUE INDEX notes_slug ON notes (author_id, slug);

UPDATE schema_version SET version = 4;
