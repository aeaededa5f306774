ALTER TABLE computers ADD COLUMN mdm TEXT NOT NULL DEFAULT '';
UPDATE schema_version SET version = 10;
