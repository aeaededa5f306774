// Package reporttest has values to show, for tests of what shows them.
package reporttest

import (
	"time"

	"upkeep/internal/drift"
	"upkeep/internal/manage"
)

// Drift is an installation on which much was changed.
func Drift() manage.Drift {
	file := drift.Difference{Kind: "file", Name: "config/shop.php", How: drift.Changed,
		Want: "<?php\nreturn [\n    'title' => 'Shop',\n    'smtp_password' => '',\n    'cache' => 300,\n];\n",
		Have: "<?php\nreturn [\n    'title' => 'Müller & Söhne <b>evil</b>',\n    'smtp_password' => 'hunter2',\n    'cache' => 300,\n];\n"}
	all := []drift.Difference{
		{Kind: "function", Name: "app.total(integer)", How: drift.Changed,
			Want: "CREATE OR REPLACE FUNCTION app.total(x integer)\n RETURNS numeric\n LANGUAGE sql\nAS $function$\n  SELECT sum(price) FROM app.lines WHERE order_id = x\n$function$",
			Have: "CREATE OR REPLACE FUNCTION app.total(x integer)\n RETURNS numeric\n LANGUAGE sql\nAS $function$\n  -- our discount\n  SELECT sum(price) * 0.97 FROM app.lines WHERE order_id = x\n$function$"},
		{Kind: "table", Name: "app.customers", How: drift.Changed,
			Want: "TABLE app.customers\n  column id bigint NOT NULL GENERATED ALWAYS AS IDENTITY\n  column mail text NOT NULL\n  column name character varying(40)\n  constraint customers_pkey PRIMARY KEY (id)",
			Have: "TABLE app.customers\n  column api_key text DEFAULT 'hunter2'::text\n  column id bigint NOT NULL GENERATED ALWAYS AS IDENTITY\n  column mail text NOT NULL\n  column name character varying(120)\n  constraint customers_pkey PRIMARY KEY (id)\n  index customers_mail CREATE INDEX customers_mail ON app.customers USING btree (lower(mail))"},
		{Kind: "trigger", Name: "touch", On: "app.orders", How: drift.Changed,
			Want: "CREATE TRIGGER touch BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch()",
			Have: "CREATE TRIGGER touch BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch()\n  DISABLED"},
		{Kind: "view", Name: "app.monthly", How: drift.Added, Have: "CREATE VIEW app.monthly AS\n SELECT date_trunc('month', at) AS month,\n    sum(total) AS total\n   FROM app.orders\n  GROUP BY (date_trunc('month', at));"},
		{Kind: "view", Name: "app.open_orders", How: drift.Missing, Want: "CREATE VIEW app.open_orders AS\n SELECT id\n   FROM app.orders\n  WHERE state = 'open'::text;"},
	}
	for i := range all {
		all[i] = all[i].Redacted()
	}
	return manage.Drift{Installation: "shop", Product: "shop", Version: "3.0", At: time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC),
		Versions: []string{"themes was 1.4 when Upkeep left it, and is 1.5 now: it was changed outside of Upkeep; upkeep adopt --product RELEASES records what is there now"},
		Trees: []manage.TreeDrift{
			{Unit: "app", At: "/srv/shop/app", Files: []manage.FileDrift{{Path: "config/shop.php", What: "content", Diff: file.Diff()}, {Path: "lib/old.php", What: "removed"}, {Path: "web/robots.txt", What: "added"}}},
			{Unit: "themes", At: "/srv/shop/themes", Files: []manage.FileDrift{}},
			{Unit: "plugins", At: "/srv/shop/plugins", Unknown: "what its release shipped is not known: name the release's bundle with --from", Files: []manage.FileDrift{}}},
		Databases: []manage.DatabaseDrift{
			{Unit: "database", Comparison: drift.Comparison{Standard: "the standard of release 3.0", Differences: all}},
			{Unit: "archive", Comparison: drift.Comparison{Standard: "what run 20260301-220000-1a2b left on 2026-03-01 22:00, on version 3.0", Recorded: true,
				Notes: []string{"the standard of 3.0 is for postgres 13, postgres 14, and this server is postgres 15: each version writes definitions in its own words"}}},
			{Unit: "audit", Comparison: drift.Comparison{Unknown: "cannot read the definitions of the database: database shop at 127.0.0.1:3306: the account may not do this: account shop@% lacks EVENT on database shop: GRANT EVENT ON `shop`.* TO 'shop'@'%'"}},
		}}
}
