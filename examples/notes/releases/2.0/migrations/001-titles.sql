-- Every note gets a title: its first sentence, or as much of it as fits.
ALTER TABLE notes ADD COLUMN title TEXT NOT NULL DEFAULT '';

UPDATE notes
SET title = CASE
  WHEN instr(text, '. ') BETWEEN 1 AND 60 THEN substr(text, 1, instr(text, '. ') - 1)
  WHEN length(text) <= 60 THEN rtrim(text, '.')
  ELSE substr(text, 1, 59) || '…'
END;
