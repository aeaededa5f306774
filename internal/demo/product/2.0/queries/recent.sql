SELECT id, author, title, body AS text, created FROM notes ORDER BY created DESC, id DESC LIMIT 40
