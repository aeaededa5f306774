package postgres

import "fmt"

// question is one catalog query: name, a definition compared word by word, and
// a definition compared in normal form. Nothing in them depends on object
// numbers, and privileges are compared with defaults filled in and without
// grantors, since pg_dump writes neither.
type question struct {
	kind  string
	sql   string
	since int // major version that has what it asks for
}

// ours leaves out the system's schemas.
func ours(alias string) string {
	return fmt.Sprintf(`%[1]s.nspname !~ '^pg_' AND %[1]s.nspname <> 'information_schema'`, alias)
}

// notOfExtension leaves out what an extension brought.
func notOfExtension(class, oid string) string {
	return fmt.Sprintf(`NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '%s'::regclass AND x.objid = %s AND x.deptype = 'e')`, class, oid)
}

// acl is a sorted list of privileges; kind is that of acldefault().
func acl(column, kind, owner string) string {
	return fmt.Sprintf(`(SELECT string_agg(regexp_replace(i::text, '/.*$', ''), ' ' ORDER BY i::text COLLATE "C") FROM unnest(coalesce(%s, acldefault('%s', %s))) i)`, column, kind, owner)
}

// about is owner, privileges and comment.
func about(class, alias, prefix, kind string) string {
	owner := alias + "." + prefix + "owner"
	return fmt.Sprintf(`pg_get_userbyid(%s), %s, obj_description(%s.oid, '%s')`, owner, acl(alias+"."+prefix+"acl", kind, owner), alias, class)
}

// catalog is everything that a schema consists of.
var catalog = []question{
	{kind: "schema", sql: `SELECT quote_ident(n.nspname), concat_ws('|', ` + about("pg_namespace", "n", "nsp", "n") + `), '' FROM pg_namespace n
		WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_namespace", "n.oid") + `
		AND NOT (n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid))`},
	{kind: "extension", sql: `SELECT quote_ident(extname), concat_ws('|', n.nspname, extversion), '' FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace`},
	{kind: "relation", sql: `SELECT format('%I.%I', n.nspname, c.relname), concat_ws('|', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
			c.relreplident, array_to_string(ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), ' '), pg_get_partkeydef(c.oid),
			(SELECT string_agg(i.inhparent::regclass::text, ' ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
			` + `pg_get_userbyid(c.relowner), CASE WHEN c.relkind = 'S' THEN ` + acl("c.relacl", "s", "c.relowner") + ` ELSE ` + acl("c.relacl", "r", "c.relowner") + ` END, obj_description(c.oid, 'pg_class'),
			(SELECT concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle)
				FROM pg_sequence s WHERE s.seqrelid = c.oid),
			(SELECT concat_ws(' ', d.deptype, d.refobjid::regclass, a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
				WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))),
			concat_ws('|', pg_get_expr(c.relpartbound, c.oid), CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't' AND ` + ours("n") + ` AND ` + notOfExtension("pg_class", "c.oid")},
	{kind: "column", sql: `SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname), concat_ws('|', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
			CASE WHEN a.attcollation <> t.typcollation THEN (SELECT format('%I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) END, CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
			array_to_string(ARRAY(SELECT unnest(a.attacl)::text COLLATE "C" ORDER BY 1), ' '), array_to_string(a.attoptions, ' '), array_to_string(a.attfdwoptions, ' '), col_description(c.oid, a.attnum),
			CASE WHEN NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) THEN (SELECT count(*) FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attnum > 0 AND b.attnum < a.attnum AND NOT b.attisdropped) END),
			coalesce(pg_get_expr(d.adbin, d.adrelid), '')
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
			LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't' AND ` + ours("n") + ` AND ` + notOfExtension("pg_class", "c.oid")},
	{kind: "constraint", sql: `SELECT format('%s %I', CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text ELSE k.contypid::regtype::text END, k.conname),
			concat_ws('|', k.contype, k.convalidated, obj_description(k.oid, 'pg_constraint')), pg_get_constraintdef(k.oid)
		FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE k.contype <> 'n' AND ` + ours("n") + ` AND ` + notOfExtension("pg_class", "k.conrelid") + ` AND ` + notOfExtension("pg_type", "k.contypid")},
	{kind: "index", sql: `SELECT i.indexrelid::regclass::text, concat_ws('|', i.indisclustered, i.indisreplident, array_to_string(c.reloptions, ' '), obj_description(c.oid, 'pg_class')), pg_get_indexdef(c.oid)
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.indisvalid AND ` + ours("n") + ` AND ` + notOfExtension("pg_class", "i.indrelid")},
	{kind: "trigger", sql: `SELECT format('%s %I', g.tgrelid::regclass, g.tgname), concat_ws('|', g.tgenabled, obj_description(g.oid, 'pg_trigger')), pg_get_triggerdef(g.oid)
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT g.tgisinternal AND ` + ours("n") + ` AND ` + notOfExtension("pg_class", "c.oid")},
	{kind: "rule", sql: `SELECT format('%s %I', r.ev_class::regclass, r.rulename), concat_ws('|', r.ev_enabled, obj_description(r.oid, 'pg_rewrite')), pg_get_ruledef(r.oid)
		FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND ` + ours("n") + ` AND ` + notOfExtension("pg_class", "c.oid")},
	{kind: "policy", sql: `SELECT format('%s %I', p.polrelid::regclass, p.polname), concat_ws('|', p.polcmd, p.polpermissive, obj_description(p.oid, 'pg_policy'),
			(SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r) END, ' ' ORDER BY 1) FROM unnest(p.polroles) r)),
			concat_ws(' WITH CHECK ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy p`},
	{kind: "function", sql: `SELECT p.oid::regprocedure::text, concat_ws('|', ` + about("pg_proc", "p", "pro", "f") + `, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggtranstype::regtype, a.agginitval, a.aggsortop::regoperator),
			CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE '' END
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_proc", "p.oid") + `
			AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'i')`}, // constructors come with their type
	{kind: "type", sql: `SELECT t.oid::regtype::text, concat_ws('|', t.typtype, t.typnotnull, format_type(nullif(t.typbasetype, 0), t.typtypmod), ` + about("pg_type", "t", "typ", "T") + `,
			(SELECT string_agg(quote_literal(e.enumlabel), ' ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
			(SELECT r.rngsubtype::regtype FROM pg_range r WHERE r.rngtypid = t.oid)), coalesce(t.typdefault, '')
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_type", "t.oid") + `
			AND t.typtype IN ('b', 'd', 'e', 'r', 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
			AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))`},
	{kind: "statistics", sql: `SELECT format('%I.%I', n.nspname, s.stxname), concat_ws('|', pg_get_userbyid(s.stxowner), obj_description(s.oid, 'pg_statistic_ext')), pg_get_statisticsobjdef(s.oid)
		FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ` + ours("n")},
	{kind: "default privileges", sql: `SELECT concat_ws(' ', pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype), (SELECT string_agg(regexp_replace(i::text, '/.*$', ''), ' ' ORDER BY i::text COLLATE "C") FROM unnest(d.defaclacl) i), ''
		FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace WHERE cardinality(d.defaclacl) > 0`},
	{kind: "event trigger", sql: `SELECT quote_ident(evtname), concat_ws('|', evtevent, evtfoid::regproc, evtenabled, array_to_string(evttags, ' '), pg_get_userbyid(evtowner), obj_description(e.oid, 'pg_event_trigger')), ''
		FROM pg_event_trigger e WHERE ` + notOfExtension("pg_event_trigger", "e.oid")},
	{kind: "publication", sql: `SELECT quote_ident(pubname), concat_ws('|', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pg_get_userbyid(pubowner), obj_description(p.oid, 'pg_publication'),
			(SELECT string_agg(r.prrelid::regclass::text, ' ' ORDER BY r.prrelid::regclass::text COLLATE "C") FROM pg_publication_rel r WHERE r.prpubid = p.oid)), '' FROM pg_publication p`},
	{kind: "foreign server", sql: `SELECT quote_ident(srvname), concat_ws('|', fdwname, srvtype, srvversion, ` + about("pg_foreign_server", "s", "srv", "S") + `), '' FROM pg_foreign_server s JOIN pg_foreign_data_wrapper f ON f.oid = s.srvfdw`},
	{kind: "cast", sql: `SELECT format('%s AS %s', castsource::regtype, casttarget::regtype), concat_ws('|', castcontext, castmethod, castfunc::regprocedure, obj_description(c.oid, 'pg_cast')), ''
		FROM pg_cast c WHERE c.oid >= 16384 AND ` + notOfExtension("pg_cast", "c.oid")},
	{kind: "operator", sql: `SELECT o.oid::regoperator::text, concat_ws('|', oprcode, oprresult::regtype, oprcanmerge, oprcanhash, pg_get_userbyid(oprowner), obj_description(o.oid, 'pg_operator')), ''
		FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_operator", "o.oid")},
	{kind: "operator class", sql: `SELECT format('%I.%I %s', n.nspname, opcname, a.amname), concat_ws('|', opcintype::regtype, opcdefault, pg_get_userbyid(opcowner)), ''
		FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am a ON a.oid = o.opcmethod WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_opclass", "o.oid")},
	{kind: "collation", sql: `SELECT format('%I.%I', n.nspname, collname), concat_ws('|', collprovider, collisdeterministic, collcollate, collctype, pg_get_userbyid(collowner)), ''
		FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_collation", "c.oid")},
	{kind: "text search configuration", sql: `SELECT format('%I.%I', n.nspname, cfgname), concat_ws('|', pg_get_userbyid(cfgowner),
			(SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ',' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)), ''
		FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_ts_config", "c.oid")},
	{kind: "text search dictionary", sql: `SELECT format('%I.%I', n.nspname, dictname), concat_ws('|', pg_get_userbyid(dictowner), dictinitoption), ''
		FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace WHERE ` + ours("n") + ` AND ` + notOfExtension("pg_ts_dict", "d.oid")},
}
