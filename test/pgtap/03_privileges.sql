-- Grants as the extension makes them.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SELECT plan(18);

CREATE ROLE llm_pgtap_user;
CREATE ROLE llm_pgtap_monitor IN ROLE pg_monitor;

SELECT schema_privs_are('llm', 'llm_pgtap_user', ARRAY['USAGE']);
SELECT results_eq(
	$$SELECT proname::text COLLATE "default" FROM pg_proc WHERE pronamespace = 'llm'::regnamespace
	  AND has_function_privilege('llm_pgtap_user', oid, 'EXECUTE') ORDER BY proname COLLATE "C"$$,
	$$VALUES ('chat'), ('count_tokens'), ('detokenize'), ('fill'), ('generate'), ('generate'), ('generate_detail'),
			 ('model_status'), ('pinned_prefixes'), ('progress_fill'), ('prompt'), ('prompt'), ('prompt_fields'), ('score'), ('stat_engine'), ('stat_requests'), ('stat_usage'),
			 ('stream'), ('tokenize')$$,
	'what everyone may call');
SELECT results_eq(
	$$SELECT proname::text COLLATE "default" FROM pg_proc WHERE pronamespace = 'llm'::regnamespace
	  AND has_function_privilege('llm_pgtap_monitor', oid, 'EXECUTE')
	  AND NOT has_function_privilege('llm_pgtap_user', oid, 'EXECUTE')$$,
	$$VALUES ('engine_status')$$, 'what monitors may call beyond that');
SELECT table_privs_are('llm', 'models', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'model_status', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'cache_status', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'pinned_prefixes', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'engine_status', 'llm_pgtap_user', ARRAY[]::text[]);
SELECT table_privs_are('llm', 'engine_status', 'llm_pgtap_monitor', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'progress_fill', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'stat_engine', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'stat_requests', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT table_privs_are('llm', 'stat_usage', 'llm_pgtap_user', ARRAY['SELECT']);
SELECT fdw_privs_are('postgres_llm', 'llm_pgtap_user', ARRAY[]::text[]);
SELECT server_privs_are('smollm2', 'llm_pgtap_user', ARRAY[]::text[]);
SELECT throws_ok($$SET LOCAL ROLE llm_pgtap_user; SELECT llm.generate('x', 'smollm2')$$, '42501',
				 'permission denied for model "smollm2"', 'no model without a grant');
RESET ROLE;

-- Guards are not for ordinary users to lower; paths are not for them to read.
SELECT is_empty(
	$$SELECT name FROM pg_settings WHERE name LIKE 'postgres\_llm.%' AND context = 'user'
	  AND name NOT IN ('postgres_llm.background', 'postgres_llm.batch_scan', 'postgres_llm.default_model',
					   'postgres_llm.engine_start_timeout', 'postgres_llm.max_readahead', 'postgres_llm.max_tokens',
					   'postgres_llm.queue_timeout',
					   'postgres_llm.readahead_memory', 'postgres_llm.reorder_fields')$$,
	'settings that a session may change');
SELECT throws_ok($$SET LOCAL ROLE llm_pgtap_user; SELECT current_setting('postgres_llm.model_directory')$$,
				 '42501', NULL, 'the model directory is not for everyone to see');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
