-- What there is, exactly: functions with their arguments and properties, views, wrapper, server.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SELECT plan(24);

SELECT has_extension('postgres_llm');
SELECT has_schema('llm');
SELECT is((SELECT extrelocatable FROM pg_extension WHERE extname = 'postgres_llm'), false,
		  'the extension is not relocatable');
SELECT functions_are('llm', ARRAY[
	'alter_model', 'cache_reset', 'chat', 'count_tokens', 'create_model', 'detokenize', 'drop_model', 'engine_status',
	'fill', 'generate', 'generate_detail', 'load_model', 'model_status', 'pin_prefix', 'pinned_prefixes', 'planner_support', 'progress_fill', 'prompt',
	'prompt_fields', 'prompt_fields_support', 'restart_engine', 'score', 'stat_engine', 'stat_requests', 'stat_reset', 'stat_usage', 'stream', 'tokenize',
	'unload_model', 'unpin_prefix', 'validator']);
SELECT views_are('llm', ARRAY['cache_status', 'engine_status', 'model_status', 'models', 'pinned_prefixes', 'progress_fill', 'stat_engine',
	'stat_requests', 'stat_usage']);
SELECT is_empty($$SELECT relname FROM pg_class
				  WHERE relnamespace = 'llm'::regnamespace AND relkind NOT IN ('v', 'i')$$,
				'there is no table: models are foreign servers');
SELECT results_eq(
	$$SELECT s.srvname::text COLLATE "default", s.srvoptions::text COLLATE "default" FROM pg_foreign_server s
	  JOIN pg_depend d ON d.classid = 'pg_foreign_server'::regclass AND d.objid = s.oid
	  WHERE d.deptype = 'e'$$,
	$$VALUES ('smollm2', '{source=SmolLM2-135M-Instruct.Q4_1.gguf}')$$,
	'smollm2 is built in');

-- Names and types of arguments.
SELECT results_eq(
	$$SELECT proname::text COLLATE "default", pg_get_function_arguments(oid), pg_get_function_result(oid)
	  FROM pg_proc WHERE pronamespace = 'llm'::regnamespace
	  AND proname NOT IN ('generate', 'generate_detail', 'chat', 'stream', 'model_status', 'engine_status', 'pinned_prefixes', 'progress_fill',
						  'stat_engine', 'stat_requests', 'stat_usage')
	  ORDER BY proname COLLATE "C", pronargs$$,
	$$VALUES
	('alter_model', 'name text, source text DEFAULT NULL::text, options jsonb DEFAULT NULL::jsonb', 'void'),
	('cache_reset', 'model text DEFAULT NULL::text', 'bigint'),
	('count_tokens', 'text text, model text DEFAULT NULL::text', 'integer'),
	('create_model', 'name text, source text, options jsonb DEFAULT NULL::jsonb', 'void'),
	('detokenize', 'tokens integer[], model text DEFAULT NULL::text', 'text'),
	('drop_model', 'name text', 'void'),
	('fill', 'IN target regclass, IN column_name name, IN prompt text, IN model text DEFAULT NULL::text, '
	 || 'IN options jsonb DEFAULT NULL::jsonb, IN filter text DEFAULT NULL::text, IN chunk_rows integer DEFAULT 1000, '
	 || 'IN error_column name DEFAULT NULL::name, IN error_table regclass DEFAULT NULL::regclass, '
	 || 'IN max_rows bigint DEFAULT NULL::bigint, INOUT rows_filled bigint DEFAULT NULL::bigint, '
	 || 'INOUT rows_failed bigint DEFAULT NULL::bigint, INOUT rows_skipped bigint DEFAULT NULL::bigint, '
	 || 'INOUT rows_left bigint DEFAULT NULL::bigint', NULL),
	('load_model', 'name text, OUT architecture text, OUT quantization text, OUT parameters bigint, '
	 || 'OUT file_bytes bigint, OUT loaded_bytes bigint, OUT context_length integer, '
	 || 'OUT vocabulary_size integer, OUT chat boolean', 'record'),
	('pin_prefix', 'name text, prompt text, model text DEFAULT NULL::text, system_prompt text DEFAULT NULL::text, '
	 || 'options jsonb DEFAULT NULL::jsonb', 'integer'),
	('planner_support', 'internal', 'internal'),
	('prompt', 'template text', 'text'),
	('prompt', 'template text, VARIADIC arguments "any"', 'text'),
	('prompt_fields', 'VARIADIC fields "any"', 'text'),
	('prompt_fields_support', 'internal', 'internal'),
	('restart_engine', '', 'void'),
	('score', 'prompt text, completion text, model text DEFAULT NULL::text, options jsonb DEFAULT NULL::jsonb, '
	 || 'OUT token_no integer, OUT token_id integer, OUT token text, OUT logprob double precision',
	 'SETOF record'),
	('stat_reset', '', 'void'),
	('tokenize', 'text text, model text DEFAULT NULL::text', 'integer[]'),
	('unload_model', 'name text', 'boolean'),
	('unpin_prefix', 'name text, model text DEFAULT NULL::text', 'integer'),
	('validator', 'options text[], catalog oid', 'void')$$,
	'arguments of the other functions');
SELECT results_eq(
	$$SELECT proname::text COLLATE "default", split_part(pg_get_function_arguments(oid), ',', 1),
			 split_part(pg_get_function_arguments(oid), 'options jsonb DEFAULT NULL::jsonb', 2)
	  FROM pg_proc WHERE pronamespace = 'llm'::regnamespace
	  AND proname IN ('generate', 'generate_detail', 'chat', 'stream')
	  ORDER BY proname COLLATE "C", proretset AND proname = 'generate'$$,
	$$VALUES
	('chat', 'messages jsonb', ''),
	('generate', 'prompt text', ''),
	('generate', 'prompts text[]', ''),
	('generate_detail', 'prompt text', ', OUT text text, OUT finish_reason text, '
	 || 'OUT prompt_tokens integer, OUT cached_tokens integer, OUT completion_tokens integer, '
	 || 'OUT ttft_ms double precision, OUT total_ms double precision, OUT error text, '
	 || 'OUT drafted_tokens integer, OUT accepted_tokens integer'),
	('stream', 'prompt text', ', OUT chunk_no integer, OUT chunk text')$$,
	'input and output of what generates');
SELECT results_eq(
	$$SELECT DISTINCT substring(pg_get_function_identity_arguments(oid)
								from '(?:text|jsonb|text\[\]), (model text, .* options jsonb)')
	  FROM pg_proc WHERE pronamespace = 'llm'::regnamespace
	  AND proname IN ('generate', 'generate_detail', 'chat', 'stream')$$,
	$$VALUES ('model text, system_prompt text, max_tokens integer, temperature double precision, '
			  || 'top_p double precision, top_k integer, min_p double precision, seed bigint, '
			  || 'stop text[], options jsonb')$$,
	'they share their options');
SELECT results_eq(
	$$SELECT DISTINCT pronargs::int - pronargdefaults FROM pg_proc
	  WHERE pronamespace = 'llm'::regnamespace
	  AND proname IN ('generate', 'generate_detail', 'chat', 'stream', 'tokenize', 'count_tokens', 'detokenize')$$,
	$$VALUES (1)$$, 'of which all but the input are optional');

-- Properties that the planner reads.
SELECT results_eq(
	$$SELECT provolatile, proparallel, procost, proisstrict,
			 string_agg(proname::text COLLATE "default", ' ' ORDER BY proname COLLATE "C")
	  FROM pg_proc WHERE pronamespace = 'llm'::regnamespace GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4$$,
	$$VALUES
	('s'::"char", 'r'::"char", 1000::float4, false, 'count_tokens detokenize tokenize'),
	('s', 's', 1, false, 'prompt prompt prompt_fields'),
	('v', 'r', 1, true, 'engine_status model_status pinned_prefixes progress_fill restart_engine '
	 || 'stat_engine stat_requests stat_reset stat_usage'),
	('v', 'r', 100000, false, 'cache_reset chat generate generate generate_detail load_model pin_prefix score stream unload_model unpin_prefix'),
	('v', 's', 1, true, 'planner_support prompt_fields_support'),
	('v', 'u', 1, false, 'alter_model create_model drop_model fill'),
	('v', 'u', 1, true, 'validator')$$,
	'volatility, parallel safety, cost, strictness');
SELECT results_eq(
	$$SELECT proname::text COLLATE "default", prorows FROM pg_proc WHERE pronamespace = 'llm'::regnamespace AND proretset
	  ORDER BY proname COLLATE "C"$$,
	$$VALUES ('generate', 100::float4), ('model_status', 10), ('pinned_prefixes', 10), ('progress_fill', 10), ('score', 100),
			 ('stat_engine', 10), ('stat_requests', 100), ('stat_usage', 100), ('stream', 100)$$, 'expected rows');

-- How they are bound to C, which stays for ever.
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'llm'::regnamespace
				  AND (prosrc <> 'postgres_llm_' || proname
							|| CASE WHEN proname = 'generate' AND proretset THEN '_array' ELSE '' END
					   OR probin <> '$libdir/postgres_llm'
					   OR prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c'))$$,
				'C symbols follow the SQL names');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'llm'::regnamespace AND prosecdef$$,
				'no function is SECURITY DEFINER');

-- Views show what their functions give.
SELECT columns_are('llm', 'models', ARRAY['name', 'owner', 'source', 'context_length', 'weights',
	'kv_cache_type', 'draft_model', 'is_default', 'is_builtin', 'description']);
SELECT columns_are('llm', 'model_status', ARRAY['model', 'state', 'loaded_bytes', 'context_length', 'slots',
	'running', 'waiting', 'kv_blocks', 'kv_blocks_free', 'kv_blocks_cached', 'last_used', 'path',
	'last_error']);
SELECT columns_are('llm', 'cache_status', ARRAY['model', 'bytes', 'blocks', 'blocks_free', 'blocks_cached',
	'blocks_used', 'blocks_pinned', 'window_blocks', 'window_blocks_free', 'window_blocks_cached',
	'window_blocks_used', 'block_tokens', 'asked_tokens', 'cached_tokens', 'hit_rate', 'evictions']);
SELECT columns_are('llm', 'pinned_prefixes', ARRAY['name', 'model', 'tokens']);
SELECT columns_are('llm', 'engine_status', ARRAY['state', 'description', 'broker_pid', 'engine_pid',
	'started', 'retry_at', 'starts', 'failures', 'models', 'model_bytes',
	'evictions', 'slots', 'slots_used', 'requests', 'completed',
	'failed', 'cancelled', 'read_ahead', 'row_by_row', 'payload_bytes', 'last_error']);
SELECT columns_are('llm', 'progress_fill', ARRAY['pid', 'datid', 'datname', 'relid', 'column_name', 'phase',
	'pass', 'chunk', 'chunk_rows', 'chunk_answers', 'rows_total', 'rows_filled', 'rows_failed', 'rows_skipped',
	'started', 'last_commit']);

SELECT columns_are('llm', 'stat_engine', ARRAY['model', 'requests', 'queued', 'mean_wait_ms', 'steps',
	'sequences_per_step', 'tokens_per_step', 'prompt_tokens', 'cached_tokens', 'prefix_hit_rate', 'generated_tokens', 'prompt_tokens_per_s',
	'generated_tokens_per_s', 'drafted_tokens', 'accepted_tokens', 'preemptions', 'busy_ms', 'forward_ms', 'stats_reset']);
SELECT columns_are('llm', 'stat_requests', ARRAY['pid', 'role', 'database', 'query_id', 'model', 'kind', 'state',
	'prompt_tokens', 'prompt_done', 'generated_tokens', 'submitted', 'sent']);
SELECT columns_are('llm', 'stat_usage', ARRAY['role', 'database', 'model', 'requests', 'failed', 'cancelled',
	'prompt_tokens', 'cached_tokens', 'generated_tokens', 'wait_ms', 'engine_ms', 'stats_reset']);

SELECT * FROM finish();
ROLLBACK;
