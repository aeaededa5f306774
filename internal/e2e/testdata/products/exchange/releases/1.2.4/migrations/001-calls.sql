ALTER TABLE queues ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
UPDATE schema_version SET version = 4;
