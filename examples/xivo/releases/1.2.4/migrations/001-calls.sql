ALTER TABLE queues ADD COLUMN calls integer NOT NULL DEFAULT 0;
UPDATE schema_version SET version = 4;
