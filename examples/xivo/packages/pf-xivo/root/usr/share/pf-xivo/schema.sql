CREATE TABLE schema_version (version integer NOT NULL);
INSERT INTO schema_version VALUES (2);
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL, number text UNIQUE NOT NULL);
INSERT INTO users (name, number) SELECT 'User ' || n, (1000 + n)::text FROM generate_series(1, 200) n;
CREATE TABLE queues (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO queues (name) VALUES ('support'), ('sales'), ('reception');
