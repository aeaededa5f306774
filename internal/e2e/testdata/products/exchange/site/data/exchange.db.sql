CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (2);
CREATE TABLE groups (name TEXT NOT NULL);
INSERT INTO groups VALUES ('support'), ('sales'), ('reception');
