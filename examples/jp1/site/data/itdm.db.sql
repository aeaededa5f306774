CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (9);
CREATE TABLE computers (name TEXT NOT NULL);
INSERT INTO computers VALUES ('desk-1'), ('desk-2');
