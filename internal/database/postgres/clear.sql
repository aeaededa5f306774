-- Opens the transaction of a restore and drops all that belongs to users. What
-- belongs to the server (roles, settings of the database) is not touched.
SET client_min_messages = warning;
SET standard_conforming_strings = on;
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL lock_timeout = /*patience*/;
SET LOCAL statement_timeout = 0;
SET LOCAL search_path = pg_catalog;
DO $clear$
DECLARE
  keep text[] := ARRAY[/*keep*/]::text[];
  public_owner text := /*public_owner*/;
  statements text[];
  s text;
  n record;
  d record;
BEGIN
  -- First what would fire or watch while the rest is dropped.
  FOR s IN SELECT format('DROP EVENT TRIGGER IF EXISTS %I', evtname) FROM pg_event_trigger e
    WHERE NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_event_trigger'::regclass AND x.objid = e.oid AND x.deptype = 'e')
  LOOP EXECUTE s; END LOOP;
  FOR s IN SELECT format('DROP PUBLICATION IF EXISTS %I', pubname) FROM pg_publication LOOP EXECUTE s; END LOOP;

  FOR s IN SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_extension WHERE extname <> ALL (keep) LOOP EXECUTE s; END LOOP;

  FOR n IN SELECT oid, nspname, pg_has_role(nspowner, 'USAGE') AS mine, EXISTS (SELECT FROM pg_extension WHERE extnamespace = ns.oid)
        OR EXISTS (SELECT FROM pg_depend m JOIN pg_depend e ON e.classid = m.classid AND e.objid = m.objid AND e.deptype = 'e'
          WHERE m.refclassid = 'pg_namespace'::regclass AND m.refobjid = ns.oid) AS shared
      FROM pg_namespace ns WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_namespace'::regclass AND x.objid = ns.oid AND x.deptype = 'e')
  LOOP
    IF n.nspname <> 'public' AND NOT n.shared THEN
      EXECUTE format('DROP SCHEMA %I CASCADE', n.nspname);
      CONTINUE;
    END IF;
    -- An extension lives here, or it is public, which a dump takes for granted:
    -- its objects are dropped one by one.
    SELECT array_agg(format('DROP %s IF EXISTS %s CASCADE',
        CASE WHEN i.type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE'
             WHEN i.type = 'composite type' THEN 'TYPE'
             WHEN i.type = 'statistics object' THEN 'STATISTICS'
             ELSE upper(i.type) END, i.identity)) INTO statements
      FROM pg_depend o, pg_identify_object(o.classid, o.objid, 0) i
      WHERE o.refclassid = 'pg_namespace'::regclass AND o.refobjid = n.oid AND o.deptype = 'n' AND o.objsubid = 0
        AND o.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass,
          'pg_opfamily'::regclass, 'pg_collation'::regclass, 'pg_conversion'::regclass, 'pg_ts_config'::regclass, 'pg_ts_dict'::regclass,
          'pg_ts_parser'::regclass, 'pg_ts_template'::regclass, 'pg_statistic_ext'::regclass)
        AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = o.classid AND x.objid = o.objid AND x.deptype = 'e');
    FOREACH s IN ARRAY coalesce(statements, '{}') LOOP EXECUTE s; END LOOP;
  END LOOP;

  -- What has no schema.
  SELECT array_agg(format('DROP %s IF EXISTS %s CASCADE', upper(i.type), i.identity)) INTO statements FROM (
      SELECT 'pg_foreign_server'::regclass AS class, oid FROM pg_foreign_server
      UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
      UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language WHERE lanispl AND oid >= 16384
      UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am WHERE oid >= 16384
    ) o, pg_identify_object(o.class, o.oid, 0) i
    WHERE NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = o.class AND x.objid = o.oid AND x.deptype = 'e');
  FOREACH s IN ARRAY coalesce(statements, '{}') LOOP EXECUTE s; END LOOP;
  SELECT array_agg(format('DROP CAST IF EXISTS (%s AS %s) CASCADE', castsource::regtype, casttarget::regtype)) INTO statements FROM pg_cast c
    WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_cast'::regclass AND x.objid = c.oid AND x.deptype = 'e');
  FOREACH s IN ARRAY coalesce(statements, '{}') LOOP EXECUTE s; END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;

  -- Default privileges: back to what is built in, which removes the entry.
  FOR d IN SELECT pg_get_userbyid(defaclrole) AS role, coalesce('IN SCHEMA ' || quote_ident(ns.nspname), '') AS place, defaclobjtype AS kind, defaclacl AS acl,
        CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END AS objects
      FROM pg_default_acl a LEFT JOIN pg_namespace ns ON ns.oid = a.defaclnamespace
  LOOP
    CONTINUE WHEN d.objects IS NULL;
    FOR s IN SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END FROM aclexplode(d.acl) LOOP
      EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s REVOKE ALL ON %s FROM %s', d.role, d.place, d.objects, s);
    END LOOP;
    IF d.place = '' THEN
      EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT ALL ON %s TO %I', d.role, d.objects, d.role);
      IF d.kind = 'f' THEN EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT EXECUTE ON FUNCTIONS TO PUBLIC', d.role); END IF;
      IF d.kind = 'T' THEN EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT USAGE ON TYPES TO PUBLIC', d.role); END IF;
    END IF;
  END LOOP;

  -- A dump holds what differs from the public schema of a new database.
  IF to_regnamespace('public') IS NULL THEN
    CREATE SCHEMA public;
  END IF;
  FOR n IN SELECT pg_get_userbyid(nspowner) AS owner, nspacl FROM pg_namespace WHERE nspname = 'public' AND pg_has_role(nspowner, 'USAGE') LOOP
    FOR s IN SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END FROM aclexplode(n.nspacl) WHERE grantee <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'public') LOOP
      EXECUTE format('REVOKE ALL ON SCHEMA public FROM %s', s);
    END LOOP;
    IF public_owner <> '' AND n.owner <> public_owner THEN
      EXECUTE format('ALTER SCHEMA public OWNER TO %I', public_owner);
    END IF;
    EXECUTE format('GRANT ALL ON SCHEMA public TO %I', (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'));
    GRANT /*public_grants*/ ON SCHEMA public TO PUBLIC;
    COMMENT ON SCHEMA public IS 'standard public schema';
  END LOOP;

  -- Rows that an extension keeps for its user are in the dump.
  FOR s IN SELECT format('DELETE FROM %s %s', t.oid::regclass, e.extcondition[array_position(e.extconfig, t.oid)])
      FROM pg_extension e JOIN pg_class t ON t.oid = ANY (e.extconfig) AND t.relkind = 'r'
      WHERE has_table_privilege(t.oid, 'DELETE')
  LOOP EXECUTE s; END LOOP;
END
$clear$;
