-- The database as release 20.4 made it.
CREATE TABLE release (version TEXT NOT NULL);
INSERT INTO release VALUES ('20.4');
CREATE TABLE articles (id INTEGER PRIMARY KEY, label TEXT NOT NULL, price NUMERIC NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, article INTEGER NOT NULL REFERENCES articles (id), quantity INTEGER NOT NULL);
CREATE TABLE journal (at TEXT NOT NULL, what TEXT NOT NULL);
CREATE VIEW price_list AS SELECT id, label, price FROM articles;
CREATE VIEW turnover AS SELECT customer, sum(quantity * price) AS total FROM orders JOIN articles ON articles.id = orders.article GROUP BY customer;
CREATE TRIGGER order_taken AFTER INSERT ON orders BEGIN INSERT INTO journal VALUES (datetime('now'), 'order ' || NEW.id); END;
INSERT INTO articles VALUES (1, 'chair', 40), (2, 'table', 120);
INSERT INTO orders VALUES (1, 'Martin', 1, 4), (2, 'Petit', 2, 1);
