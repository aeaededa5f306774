INSERT INTO authors (name, since) VALUES (:author, :created) ON CONFLICT (name) DO NOTHING
