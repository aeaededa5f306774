-- Every note gets an address made of its title.
ALTER TABLE notes ADD COLUMN slug TEXT NOT NULL DEFAULT '';

UPDATE notes SET slug = lower(replace(replace(replace(title, ' ', '-'), ',', ''), '''', ''));
