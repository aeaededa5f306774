package postgres

import "strings"

// asks is one question for definitions: kind, name, on what, text. None may be
// NULL.
type asks struct {
	kind  string // for messages
	sql   string
	since map[int]string // what a placeholder is from a major version on; before, true
}

// text is the question for a server.
func (q asks) text(major int) string {
	sql := q.sql
	for since, condition := range q.since {
		if major < since {
			condition = "true"
		}
		sql = strings.ReplaceAll(sql, "{newer}", condition)
	}
	return sql
}

// detailed are the kinds whose definitions go on with lines of detail.
var detailed = []string{"table", "foreign table", "materialized view", "domain", "type"}

// keeps leaves out what Upkeep keeps in the product's database.
func keeps(alias string) string { return alias + `.relname !~ '^upkeep_(migration|statements)'` }

// relations joins what belongs to one.
func relations(class, oid string) string {
	return `JOIN pg_class c ON c.oid = ` + oid + ` JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relpersistence <> 't' AND ` + ours("n") + ` AND ` + keeps("c") + ` AND ` + notOfExtension("pg_class", "c.oid")
}

// described gives one row an object. Everything is qualified, for the search path
// is pg_catalog.
var described = []asks{
	{kind: "schema", sql: `SELECT 'schema', quote_ident(n.nspname), '', 'CREATE SCHEMA ' || quote_ident(n.nspname) FROM pg_namespace n
		WHERE ` + ours("n") + ` AND n.nspname <> 'public' AND ` + notOfExtension("pg_namespace", "n.oid")},
	// which version of an extension there is, is the server's packages' doing
	{kind: "extension", sql: `SELECT 'extension', quote_ident(extname), '', format('CREATE EXTENSION %I SCHEMA %I', extname, n.nspname)
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname <> 'plpgsql'`},
	{kind: "table", sql: `SELECT CASE c.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, format('%I.%I', n.nspname, c.relname), '',
			concat_ws(E'\n', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END || CASE c.relkind WHEN 'f' THEN 'FOREIGN ' ELSE '' END || format('TABLE %I.%I', n.nspname, c.relname),
			'  PARTITION BY ' || pg_get_partkeydef(c.oid),
			(SELECT string_agg(CASE WHEN c.relispartition THEN '  PARTITION OF ' ELSE '  INHERITS ' END || i.inhparent::regclass, E'\n' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
			'  ' || pg_get_expr(c.relpartbound, c.oid),
			'  OF ' || nullif(c.reloftype, 0)::regtype,
			(SELECT '  SERVER ' || quote_ident(s.srvname) || coalesce(' OPTIONS ' || array_to_string(ARRAY(SELECT unnest(f.ftoptions) ORDER BY 1), ', '), '') FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
			CASE WHEN c.relrowsecurity THEN '  ENABLE ROW LEVEL SECURITY' END, CASE WHEN c.relforcerowsecurity THEN '  FORCE ROW LEVEL SECURITY' END)
		FROM pg_class r ` + relations("pg_class", "r.oid") + ` AND c.relkind IN ('r', 'p', 'f')`},
	{kind: "view", sql: `SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, format('%I.%I', n.nspname, c.relname), '',
			format(E'CREATE %s %I.%I%s AS\n', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, n.nspname, c.relname,
				CASE WHEN c.relkind = 'v' AND c.reloptions IS NOT NULL THEN ' WITH (' || array_to_string(ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), ', ') || ')' END) || pg_get_viewdef(c.oid, true)
		FROM pg_class r ` + relations("pg_class", "r.oid") + ` AND c.relkind IN ('v', 'm')`},
	// those of identity columns stand with the column
	{kind: "sequence", sql: `SELECT 'sequence', format('%I.%I', n.nspname, c.relname), '', concat_ws(E'\n', format('SEQUENCE %I.%I', n.nspname, c.relname), '  AS ' || format_type(s.seqtypid, NULL),
			'  INCREMENT ' || s.seqincrement, '  MINVALUE ' || s.seqmin, '  MAXVALUE ' || s.seqmax, '  START ' || s.seqstart, '  CACHE ' || s.seqcache, CASE WHEN s.seqcycle THEN '  CYCLE' END,
			(SELECT format('  OWNED BY %s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
				WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'))
		FROM pg_sequence s ` + relations("pg_class", "s.seqrelid") + ` AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')
			AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND NOT (` + keeps("t") + `))`},
	// those of partitions are their parents', unless one is switched otherwise
	{kind: "trigger", since: map[int]string{13: `(g.tgparentid = 0 OR g.tgenabled <> (SELECT p.tgenabled FROM pg_trigger p WHERE p.oid = g.tgparentid))`},
		sql: `SELECT 'trigger', quote_ident(g.tgname), format('%I.%I', n.nspname, c.relname), pg_get_triggerdef(g.oid, true) || ` + switched("g.tgenabled") + `
		FROM pg_trigger g ` + relations("pg_trigger", "g.tgrelid") + ` AND NOT g.tgisinternal AND {newer}`},
	{kind: "rule", sql: `SELECT 'rule', quote_ident(r.rulename), format('%I.%I', n.nspname, c.relname), pg_get_ruledef(r.oid, true) || ` + switched("r.ev_enabled") + `
		FROM pg_rewrite r ` + relations("pg_rewrite", "r.ev_class") + ` AND r.rulename <> '_RETURN'`},
	{kind: "policy", sql: `SELECT 'policy', quote_ident(p.polname), format('%I.%I', n.nspname, c.relname), concat_ws(E'\n', format('CREATE POLICY %I ON %I.%I', p.polname, n.nspname, c.relname),
			'  AS ' || CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
			'  FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
			'  TO ' || (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ' ORDER BY 1) FROM unnest(p.polroles) r),
			'  USING (' || pg_get_expr(p.polqual, p.polrelid, true) || ')', '  WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid, true) || ')')
		FROM pg_policy p ` + relations("pg_policy", "p.polrelid")},
	{kind: "function", sql: `SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure::text, '', pg_get_functiondef(p.oid)
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind <> 'a' AND ` + ours("n") + ` AND ` + notOfExtension("pg_proc", "p.oid") + `
			AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'i')`}, // constructors come with their type
	{kind: "aggregate", sql: `SELECT 'aggregate', p.oid::regprocedure::text, '', concat_ws(E'\n', format('AGGREGATE %s', p.oid::regprocedure), '  SFUNC ' || a.aggtransfn, '  STYPE ' || a.aggtranstype::regtype,
			'  FINALFUNC ' || nullif(a.aggfinalfn::oid, 0)::regproc, '  COMBINEFUNC ' || nullif(a.aggcombinefn::oid, 0)::regproc, '  INITCOND ' || quote_literal(a.agginitval), '  SORTOP ' || nullif(a.aggsortop, 0)::regoperator,
			CASE a.aggkind WHEN 'n' THEN NULL ELSE '  KIND ' || a.aggkind::text END, '  PARALLEL ' || p.proparallel::text)
		FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_proc", "p.oid")},
	{kind: "type", sql: `SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, format('%I.%I', n.nspname, t.typname), '', concat_ws(E'\n',
			CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END || format(' %I.%I', n.nspname, t.typname) || CASE t.typtype WHEN 'e' THEN ' AS ENUM' WHEN 'r' THEN ' AS RANGE' WHEN 'd' THEN ' AS ' || format_type(t.typbasetype, t.typtypmod) ELSE '' END,
			CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation THEN '  COLLATE ' || t.typcollation::regcollation END,
			CASE WHEN t.typnotnull THEN '  NOT NULL' END, '  DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
			(SELECT string_agg('  ' || quote_literal(e.enumlabel), E'\n' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
			(SELECT '  SUBTYPE ' || r.rngsubtype::regtype FROM pg_range r WHERE r.rngtypid = t.oid),
			CASE WHEN t.typtype = 'b' THEN concat_ws(' ', '  INPUT', t.typinput, 'OUTPUT', t.typoutput) END)
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_type b ON b.oid = t.typbasetype WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_type", "t.oid") + `
			AND t.typtype IN ('b', 'd', 'e', 'r', 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
			AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))`},
	{kind: "statistics object", sql: `SELECT 'statistics', format('%I.%I', n.nspname, s.stxname), '', pg_get_statisticsobjdef(s.oid)
		FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ` + ours("n")},
	{kind: "event trigger", sql: `SELECT 'event trigger', quote_ident(evtname), '', concat_ws(E'\n', format('EVENT TRIGGER %I ON %s', evtname, evtevent), '  WHEN TAG IN ' || array_to_string(evttags, ', '), '  EXECUTE ' || evtfoid::regproc) || ` + switched("evtenabled") + `
		FROM pg_event_trigger e WHERE ` + notOfExtension("pg_event_trigger", "e.oid")},
	{kind: "foreign server", sql: `SELECT 'foreign server', quote_ident(srvname), '', concat_ws(E'\n', format('SERVER %I FOREIGN DATA WRAPPER %I', srvname, fdwname), '  TYPE ' || srvtype,
			(SELECT string_agg('  OPTION ' || o, E'\n' ORDER BY o) FROM unnest(srvoptions) o))
		FROM pg_foreign_server s JOIN pg_foreign_data_wrapper f ON f.oid = s.srvfdw WHERE ` + notOfExtension("pg_foreign_server", "s.oid")},
	{kind: "cast", sql: `SELECT 'cast', format('(%s AS %s)', castsource::regtype, casttarget::regtype), '', format('CAST (%s AS %s) %s %s %s', castsource::regtype, casttarget::regtype, castcontext, castmethod, nullif(castfunc, 0)::regprocedure)
		FROM pg_cast c WHERE c.oid >= 16384 AND ` + notOfExtension("pg_cast", "c.oid")},
	{kind: "operator", sql: `SELECT 'operator', o.oid::regoperator::text, '', concat_ws(E'\n', format('OPERATOR %s', o.oid::regoperator), '  FUNCTION ' || oprcode, '  COMMUTATOR ' || nullif(oprcom, 0)::regoperator, '  NEGATOR ' || nullif(oprnegate, 0)::regoperator)
		FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_operator", "o.oid")},
	{kind: "operator class", sql: `SELECT 'operator class', format('%I.%I', n.nspname, opcname), '', format('OPERATOR CLASS %I.%I FOR TYPE %s USING %I%s', n.nspname, opcname, opcintype::regtype, a.amname, CASE WHEN opcdefault THEN ' DEFAULT' END)
		FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am a ON a.oid = o.opcmethod WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_opclass", "o.oid")},
	{kind: "collation", sql: `SELECT 'collation', format('%I.%I', n.nspname, collname), '', concat_ws(E'\n', format('COLLATION %I.%I', n.nspname, collname), '  PROVIDER ' || collprovider::text, '  DETERMINISTIC ' || collisdeterministic, '  LC_COLLATE ' || collcollate, '  LC_CTYPE ' || collctype,
			'  LOCALE ' || coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'))
		FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_collation", "c.oid")},
	{kind: "text search configuration", sql: `SELECT 'text search configuration', format('%I.%I', n.nspname, cfgname), '', concat_ws(E'\n', format('TEXT SEARCH CONFIGURATION %I.%I', n.nspname, cfgname),
			(SELECT string_agg(concat_ws(' ', '  MAPPING', m.maptokentype, m.mapdict::regdictionary), E'\n' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
		FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_ts_config", "c.oid")},
	{kind: "text search dictionary", sql: `SELECT 'text search dictionary', format('%I.%I', n.nspname, dictname), '', concat_ws(E'\n', format('TEXT SEARCH DICTIONARY %I.%I', n.nspname, dictname), '  ' || dictinitoption)
		FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_ts_dict", "d.oid")},
}

// switched tells in a line what a trigger's state is, unless it is the usual one.
func switched(column string) string {
	return `CASE ` + column + ` WHEN 'O' THEN '' WHEN 'D' THEN E'\n  DISABLED' WHEN 'R' THEN E'\n  ENABLED ON REPLICAS ONLY' ELSE E'\n  ENABLED ALWAYS' END`
}

// detail gives lines: nothing, the name of the object, nothing, the line.
var detail = []asks{
	{kind: "column", sql: `SELECT '', format('%I.%I', n.nspname, c.relname), '', concat_ws(' ', 'column', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
			CASE WHEN a.attnotnull THEN 'NOT NULL' END,
			CASE WHEN a.attgenerated <> '' THEN format('GENERATED ALWAYS AS (%s) %s', pg_get_expr(d.adbin, d.adrelid, true), CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END) ELSE 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid, true) END,
			CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
			CASE WHEN a.attidentity <> '' THEN (SELECT format('(INCREMENT %s MINVALUE %s MAXVALUE %s START %s CACHE %s%s)', s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' END)
				FROM pg_depend o JOIN pg_sequence s ON s.seqrelid = o.objid WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid AND o.refobjsubid = a.attnum AND o.deptype = 'i'
				AND (s.seqincrement, s.seqmin, s.seqstart, s.seqcache, s.seqcycle) <> (1, 1, 1, 1, false)) END,
			'OPTIONS ' || array_to_string(a.attfdwoptions, ', '))
		FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum JOIN pg_type t ON t.oid = a.atttypid ` + relations("pg_class", "a.attrelid") + `
			AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'c')`},
	{kind: "constraint", since: map[int]string{11: `k.conparentid = 0`}, sql: `SELECT '', format('%I.%I', n.nspname, c.relname), '', concat_ws(' ', 'constraint', quote_ident(k.conname), pg_get_constraintdef(k.oid, true))
		FROM pg_constraint k ` + relations("pg_constraint", "k.conrelid") + ` AND k.contype NOT IN ('n', 't') AND {newer}`},
	{kind: "constraint of a domain", sql: `SELECT '', format('%I.%I', n.nspname, t.typname), '', concat_ws(' ', 'constraint', quote_ident(k.conname), pg_get_constraintdef(k.oid, true))
		FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE k.contype <> 'n' AND ` + ours("n") + ` AND ` + notOfExtension("pg_type", "t.oid")},
	// those of constraints are said with them, those of partitions with their parents
	{kind: "index", sql: `SELECT '', format('%I.%I', n.nspname, c.relname), '', concat_ws(' ', 'index', quote_ident(x.relname), pg_get_indexdef(i.indexrelid, 0, true), CASE WHEN NOT i.indisvalid AND c.relkind <> 'p' THEN 'INVALID' END)
		FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid AND NOT x.relispartition ` + relations("pg_index", "i.indrelid") + `
			AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))`},
}
