-- the price list shows it
DROP VIEW "price_list";
CREATE VIEW "price_list" AS
  SELECT id, label, price, currency
  FROM articles;
