-- what customers send back
CREATE TABLE returns (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id), at TEXT NOT NULL);
