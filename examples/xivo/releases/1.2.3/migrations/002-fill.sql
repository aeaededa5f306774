-- needs the column of 001
UPDATE queues SET strategy = 'ringall' WHERE strategy IS NULL;
ALTER TABLE queues ALTER COLUMN strategy SET DEFAULT 'ringall';
UPDATE schema_version SET version = 3;
