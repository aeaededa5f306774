INSERT INTO notes (author, text, created) VALUES (:author, :text, :created)
