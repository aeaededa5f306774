ALTER TABLE notes ADD COLUMN caller TEXT NOT NULL DEFAULT '';
UPDATE schema_version SET version = 2;
