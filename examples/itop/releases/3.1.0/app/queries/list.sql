SELECT id, author, text, created FROM notes ORDER BY id
