SELECT id, author, text, created FROM notes ORDER BY created DESC, id DESC LIMIT 40
