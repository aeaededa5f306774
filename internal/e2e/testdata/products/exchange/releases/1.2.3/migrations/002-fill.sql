-- needs the table of 001
INSERT INTO queues (name) SELECT name FROM groups ORDER BY name;
UPDATE schema_version SET version = 3;
