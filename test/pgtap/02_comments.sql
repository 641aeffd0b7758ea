-- Everything says what it is for.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SELECT plan(5);

SELECT ok(obj_description(oid, 'pg_extension') <> '', 'the extension has a comment')
FROM pg_extension WHERE extname = 'postgres_llm';
SELECT is_empty(
	$$SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d
	  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	  WHERE e.extname = 'postgres_llm' AND d.deptype = 'e'
	  AND d.classid <> 'pg_type'::regclass -- row types of the views are members since 17
	  AND COALESCE(obj_description(d.objid, d.classid::regclass::name), '') = ''$$,
	'and so has each of its objects');
SELECT cmp_ok(
	(SELECT count(*)::int FROM pg_depend d
	 JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	 WHERE e.extname = 'postgres_llm' AND d.deptype = 'e'), '>', 20, 'of which there are some');
SELECT is_empty(
	$$SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	  WHERE c.relnamespace = 'llm'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
	  AND COALESCE(col_description(a.attrelid, a.attnum), '') = ''$$,
	'and each column of a view');
SELECT is_empty(
	$$SELECT name FROM pg_settings WHERE name LIKE 'postgres\_llm.%'
	  AND (COALESCE(short_desc, '') = '' OR COALESCE(extra_desc, '') = '')$$,
	'and each setting');

SELECT * FROM finish();
ROLLBACK;
