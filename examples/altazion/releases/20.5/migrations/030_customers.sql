-- orders are looked for by customer
CREATE INDEX orders_by_customer ON orders (customer);
