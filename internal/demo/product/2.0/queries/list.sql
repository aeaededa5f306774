SELECT id, author, title, body AS text, created FROM notes ORDER BY id
