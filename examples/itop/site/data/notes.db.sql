CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);
CREATE TABLE notes (id INTEGER PRIMARY KEY, author TEXT NOT NULL, text TEXT NOT NULL, created TEXT NOT NULL);
INSERT INTO notes (author, text, created) VALUES ('Ada', 'The printer is out of paper.', '2025-01-07 08:12:00'), ('Björn', 'No mail since noon.', '2025-01-07 13:30:00');
