ALTER TABLE queues ADD COLUMN strategy text;
