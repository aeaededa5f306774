-- One of everything that an ordinary owner may make.
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;
COMMENT ON EXTENSION citext IS 'ours, and commented';
CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'the application''s schema; has "quotes"';
CREATE SCHEMA "Odd name";
COMMENT ON SCHEMA public IS 'not the standard comment';
GRANT USAGE ON SCHEMA app TO reader;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s fine');
CREATE TYPE app.pair AS (a int, b text);
CREATE TYPE app.span AS RANGE (subtype = float8);
CREATE DOMAIN app.email AS citext CHECK (VALUE ~ '@') DEFAULT 'a@b';
CREATE COLLATION app.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE SEQUENCE app.ticket INCREMENT 7 MINVALUE -5 CYCLE;
SELECT nextval('app.ticket'), nextval('app.ticket');

CREATE TABLE app.users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  serial_no serial,
  dropped int,
  name varchar(40) NOT NULL COLLATE app.nocase UNIQUE,
  mail app.email,
  mood app.mood DEFAULT 'ok',
  pair app.pair,
  status varchar(10) DEFAULT 'new' CHECK (status IN ('new', 'old', 'gone')),
  tags hstore,
  at timestamptz DEFAULT now(),
  price numeric(10,2),
  cash money,
  data bytea,
  doc jsonb,
  twice numeric GENERATED ALWAYS AS (price * 2) STORED,
  span app.span,
  EXCLUDE USING gist (span WITH &&)
);
ALTER TABLE app.users DROP COLUMN dropped;
ALTER TABLE app.users ADD CONSTRAINT later CHECK (price > 0) NOT VALID;
ALTER TABLE app.users ALTER name SET STORAGE EXTERNAL, ALTER name SET STATISTICS 500;
ALTER TABLE app.users SET (fillfactor = 70);
COMMENT ON TABLE app.users IS 'people';
COMMENT ON COLUMN app.users.mail IS E'line\nbreak \\. and semicolon; COMMIT;';
GRANT SELECT (id, name) ON app.users TO reader;
GRANT INSERT ON app.users TO reader WITH GRANT OPTION;
INSERT INTO app.users (name, mail, pair, tags, price, cash, data, doc, at, span) VALUES
  ('ada', 'ada@x', '(1,"a,b")', 'a=>1', 1.10, 3.50, '\x00ff5c2e', '{"a": [1, null]}', '2026-03-29 02:30+01', '[1,2)'),
  (E'tab\tback\\slash', 'n@y', NULL, NULL, 2, NULL, NULL, NULL, 'infinity', '[2,3)'),
  ('\.', 'e@z', NULL, '', 3, NULL, '', '"x"', '-infinity', 'empty');
CREATE INDEX partly ON app.users (lower(name)) WHERE status IN ('new', 'old');
CREATE STATISTICS app.both (dependencies) ON mood, status FROM app.users;
ALTER TABLE app.users CLUSTER ON users_pkey;

CREATE TABLE app.events (id int, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE app.events_x PARTITION OF app.events DEFAULT;
INSERT INTO app.events VALUES (1, '2026-02-02'), (2, '2030-01-01');
CREATE TABLE app.base (a int, b text);
CREATE TABLE app.child (c int) INHERITS (app.base);
ALTER TABLE app.base ADD COLUMN d int;
INSERT INTO app.child VALUES (1, 'b', 3, 4);
CREATE UNLOGGED TABLE "Odd name"."tab;le" ("col ""umn" int);
INSERT INTO "Odd name"."tab;le" VALUES (1), (1), (NULL);
CREATE TABLE public.nothing ();
INSERT INTO public.nothing DEFAULT VALUES;

CREATE VIEW app.fresh WITH (security_barrier) AS SELECT id, name, upper(status) AS s FROM app.users WHERE status IN ('new', 'old') AND mood = ANY (ARRAY['ok'::app.mood]);
CREATE MATERIALIZED VIEW app.counts AS SELECT status, count(*) FROM app.users GROUP BY 1;
CREATE UNIQUE INDEX ON app.counts (status);
CREATE MATERIALIZED VIEW app.unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE RULE keep AS ON DELETE TO app.base DO INSTEAD (SELECT 1; SELECT 2);

CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $fn$ BEGIN NEW.at := now(); RETURN NEW; /* COMMIT; */ END $fn$;
CREATE FUNCTION app.total(VARIADIC n int[] DEFAULT '{}') RETURNS bigint LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT sum(x) FROM unnest(n) x; END;
CREATE PROCEDURE app.act(INOUT x int) LANGUAGE sql AS 'SELECT x + 1';
CREATE AGGREGATE app.product(int) (sfunc = int4mul, stype = int, initcond = '1');
CREATE FUNCTION app.same(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR app.=== (leftarg = int, rightarg = int, function = app.same);
CREATE CAST (app.pair AS text) WITH INOUT;
REVOKE ALL ON FUNCTION app.touch() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.total(int[]) TO PUBLIC; -- against the default privileges above
CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW WHEN (OLD.status IN ('new', 'old')) EXECUTE FUNCTION app.touch();
ALTER TABLE app.users DISABLE TRIGGER touch;
ALTER TABLE app.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.events AS RESTRICTIVE FOR SELECT TO reader USING (day > '2026-01-01');
CREATE TEXT SEARCH CONFIGURATION app.plain (COPY = simple);
CREATE TEXT SEARCH DICTIONARY app.words (TEMPLATE = simple, stopwords = english);

SELECT lo_from_bytea(424242, '\x0001feff'), lo_from_bytea(434343, '');
COMMENT ON LARGE OBJECT 424242 IS 'a large object';
GRANT SELECT ON LARGE OBJECT 424242 TO reader;
