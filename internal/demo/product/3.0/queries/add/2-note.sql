INSERT INTO notes (author_id, title, body, created)
SELECT id, :title, :text, :created FROM authors WHERE name = :author
