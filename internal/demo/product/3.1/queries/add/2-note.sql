INSERT INTO notes (author_id, title, slug, body, created)
SELECT id, :title, :slug, :text, :created FROM authors WHERE name = :author
