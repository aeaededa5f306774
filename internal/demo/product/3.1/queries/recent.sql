SELECT n.id, a.name AS author, a.since, n.title, n.slug, n.body AS text, n.created
FROM notes AS n JOIN authors AS a ON a.id = n.author_id
ORDER BY n.created DESC, n.id DESC LIMIT 40
