-- prices get a currency
ALTER TABLE articles ADD COLUMN currency TEXT NOT NULL DEFAULT 'EUR';
