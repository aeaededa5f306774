INSERT INTO notes (author, title, body, created) VALUES (:author, :title, :text, :created)
