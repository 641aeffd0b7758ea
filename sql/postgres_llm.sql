/*
 * postgres_llm.sql
 *	  The whole SQL surface of postgres_llm, always as it is now; README.md has the rules.
 */
\echo Use "CREATE EXTENSION postgres_llm" to load this file. \quit

/* Made here and not by CREATE EXTENSION, so that a schema that somebody prepared is refused. */
CREATE SCHEMA llm;
COMMENT ON SCHEMA llm IS 'language models: functions and views of postgres_llm';

/*
 * ---- Models ----
 *
 * A model is a foreign server of this wrapper.  USAGE on the server is the right to use the model.
 */

CREATE FUNCTION llm.validator(options pg_catalog.text[], catalog pg_catalog.oid)
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME', 'postgres_llm_validator'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION llm.validator(pg_catalog.text[], pg_catalog.oid)
IS 'checks the options of CREATE SERVER and ALTER SERVER; called by the server itself';
REVOKE ALL ON FUNCTION llm.validator(pg_catalog.text[], pg_catalog.oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER postgres_llm NO HANDLER VALIDATOR llm.validator;
COMMENT ON FOREIGN DATA WRAPPER postgres_llm IS 'language models; each is a server of this wrapper';

CREATE SERVER smollm2 FOREIGN DATA WRAPPER postgres_llm
OPTIONS (source 'SmolLM2-135M-Instruct.Q4_1.gguf');
COMMENT ON SERVER smollm2
IS 'SmolLM2-135M-Instruct, a small English model; make install-model brings its file';

CREATE FUNCTION llm.create_model(
	name pg_catalog.text,
	source pg_catalog.text,
	options pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME', 'postgres_llm_create_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION llm.create_model(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)
IS 'creates a model from a GGUF file, after a look whether the engine can run it';
REVOKE ALL ON FUNCTION llm.create_model(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)
FROM PUBLIC;

CREATE FUNCTION llm.alter_model(
	name pg_catalog.text,
	source pg_catalog.text DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME', 'postgres_llm_alter_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION llm.alter_model(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)
IS 'gives a model another file or other options; a JSON null resets an option';
REVOKE ALL ON FUNCTION llm.alter_model(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)
FROM PUBLIC;

CREATE FUNCTION llm.drop_model(name pg_catalog.text)
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME', 'postgres_llm_drop_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION llm.drop_model(pg_catalog.text)
IS 'drops a model and unloads it; its file stays';
REVOKE ALL ON FUNCTION llm.drop_model(pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION llm.load_model(
	name pg_catalog.text,
	OUT architecture pg_catalog.text,
	OUT quantization pg_catalog.text,
	OUT parameters pg_catalog.int8,
	OUT file_bytes pg_catalog.int8,
	OUT loaded_bytes pg_catalog.int8,
	OUT context_length pg_catalog.int4,
	OUT vocabulary_size pg_catalog.int4,
	OUT chat pg_catalog.bool)
RETURNS record
AS 'MODULE_PATHNAME', 'postgres_llm_load_model'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION llm.load_model(pg_catalog.text)
IS 'loads a model now, which its first use would do, and tells what it is';
REVOKE ALL ON FUNCTION llm.load_model(pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION llm.unload_model(name pg_catalog.text)
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'postgres_llm_unload_model'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION llm.unload_model(pg_catalog.text)
IS 'frees the memory of a model once nobody uses it; false when it was not loaded';
REVOKE ALL ON FUNCTION llm.unload_model(pg_catalog.text) FROM PUBLIC;

/*
 * ---- Generation ----
 *
 * Not STRICT, since a NULL option means its default: each returns NULL at once when its first
 * argument is NULL.  VOLATILE and COSTly, so that the planner neither evaluates them nor calls them
 * before cheaper conditions.  Open to all: nobody can use a model without USAGE on it.
 */

CREATE FUNCTION llm.planner_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME', 'postgres_llm_planner_support'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION llm.planner_support(pg_catalog.internal)
IS 'tells the planner that a statement generates for many rows; called by the server itself';
REVOKE ALL ON FUNCTION llm.planner_support(pg_catalog.internal) FROM PUBLIC;

CREATE FUNCTION llm.generate(
	prompt pg_catalog.text,
	model pg_catalog.text DEFAULT NULL,
	system_prompt pg_catalog.text DEFAULT NULL,
	max_tokens pg_catalog.int4 DEFAULT NULL,
	temperature pg_catalog.float8 DEFAULT NULL,
	top_p pg_catalog.float8 DEFAULT NULL,
	top_k pg_catalog.int4 DEFAULT NULL,
	min_p pg_catalog.float8 DEFAULT NULL,
	seed pg_catalog.int8 DEFAULT NULL,
	stop pg_catalog.text[] DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'postgres_llm_generate'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000
SUPPORT llm.planner_support;
COMMENT ON FUNCTION llm.generate(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.float8,
	pg_catalog.float8, pg_catalog.int4, pg_catalog.float8, pg_catalog.int8, pg_catalog.text[],
	pg_catalog.jsonb)
IS 'the answer of a model to a prompt';

CREATE FUNCTION llm.generate(
	prompts pg_catalog.text[],
	model pg_catalog.text DEFAULT NULL,
	system_prompt pg_catalog.text DEFAULT NULL,
	max_tokens pg_catalog.int4 DEFAULT NULL,
	temperature pg_catalog.float8 DEFAULT NULL,
	top_p pg_catalog.float8 DEFAULT NULL,
	top_k pg_catalog.int4 DEFAULT NULL,
	min_p pg_catalog.float8 DEFAULT NULL,
	seed pg_catalog.int8 DEFAULT NULL,
	stop pg_catalog.text[] DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL)
RETURNS SETOF pg_catalog.text
AS 'MODULE_PATHNAME', 'postgres_llm_generate_array'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000 ROWS 100;
COMMENT ON FUNCTION llm.generate(
	pg_catalog.text[], pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.float8,
	pg_catalog.float8, pg_catalog.int4, pg_catalog.float8, pg_catalog.int8, pg_catalog.text[],
	pg_catalog.jsonb)
IS 'the answers of a model to many prompts at once, in order, a row for each';

CREATE FUNCTION llm.generate_detail(
	prompt pg_catalog.text,
	model pg_catalog.text DEFAULT NULL,
	system_prompt pg_catalog.text DEFAULT NULL,
	max_tokens pg_catalog.int4 DEFAULT NULL,
	temperature pg_catalog.float8 DEFAULT NULL,
	top_p pg_catalog.float8 DEFAULT NULL,
	top_k pg_catalog.int4 DEFAULT NULL,
	min_p pg_catalog.float8 DEFAULT NULL,
	seed pg_catalog.int8 DEFAULT NULL,
	stop pg_catalog.text[] DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL,
	OUT text pg_catalog.text,
	OUT finish_reason pg_catalog.text,
	OUT prompt_tokens pg_catalog.int4,
	OUT cached_tokens pg_catalog.int4,
	OUT completion_tokens pg_catalog.int4,
	OUT ttft_ms pg_catalog.float8,
	OUT total_ms pg_catalog.float8,
	OUT error pg_catalog.text,
	OUT drafted_tokens pg_catalog.int4,
	OUT accepted_tokens pg_catalog.int4)
RETURNS record
AS 'MODULE_PATHNAME', 'postgres_llm_generate_detail'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000
SUPPORT llm.planner_support;
COMMENT ON FUNCTION llm.generate_detail(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.float8,
	pg_catalog.float8, pg_catalog.int4, pg_catalog.float8, pg_catalog.int8, pg_catalog.text[],
	pg_catalog.jsonb)
IS 'as llm.generate, with why the text ended, token counts, times, and the error of on_error => null';

CREATE FUNCTION llm.chat(
	messages pg_catalog.jsonb,
	model pg_catalog.text DEFAULT NULL,
	system_prompt pg_catalog.text DEFAULT NULL,
	max_tokens pg_catalog.int4 DEFAULT NULL,
	temperature pg_catalog.float8 DEFAULT NULL,
	top_p pg_catalog.float8 DEFAULT NULL,
	top_k pg_catalog.int4 DEFAULT NULL,
	min_p pg_catalog.float8 DEFAULT NULL,
	seed pg_catalog.int8 DEFAULT NULL,
	stop pg_catalog.text[] DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'postgres_llm_chat'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000
SUPPORT llm.planner_support;
COMMENT ON FUNCTION llm.chat(
	pg_catalog.jsonb, pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.float8,
	pg_catalog.float8, pg_catalog.int4, pg_catalog.float8, pg_catalog.int8, pg_catalog.text[],
	pg_catalog.jsonb)
IS 'the next message of a chat, given as [{"role": "user", "content": "..."}, ...]';

CREATE FUNCTION llm.stream(
	prompt pg_catalog.text,
	model pg_catalog.text DEFAULT NULL,
	system_prompt pg_catalog.text DEFAULT NULL,
	max_tokens pg_catalog.int4 DEFAULT NULL,
	temperature pg_catalog.float8 DEFAULT NULL,
	top_p pg_catalog.float8 DEFAULT NULL,
	top_k pg_catalog.int4 DEFAULT NULL,
	min_p pg_catalog.float8 DEFAULT NULL,
	seed pg_catalog.int8 DEFAULT NULL,
	stop pg_catalog.text[] DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL,
	OUT chunk_no pg_catalog.int4,
	OUT chunk pg_catalog.text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_stream'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000 ROWS 100;
COMMENT ON FUNCTION llm.stream(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.float8,
	pg_catalog.float8, pg_catalog.int4, pg_catalog.float8, pg_catalog.int8, pg_catalog.text[],
	pg_catalog.jsonb)
IS 'as llm.generate, in rows that reach the client as they are made when called in the select list';

CREATE FUNCTION llm.score(
	prompt pg_catalog.text,
	completion pg_catalog.text,
	model pg_catalog.text DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL,
	OUT token_no pg_catalog.int4,
	OUT token_id pg_catalog.int4,
	OUT token pg_catalog.text,
	OUT logprob pg_catalog.float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_score'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000 ROWS 100;
COMMENT ON FUNCTION llm.score(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)
IS 'log-probability of each token of a completion after a prompt';

/*
 * ---- Tokens ----
 */

CREATE FUNCTION llm.tokenize(
	text pg_catalog.text,
	model pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int4[]
AS 'MODULE_PATHNAME', 'postgres_llm_tokenize'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION llm.tokenize(pg_catalog.text, pg_catalog.text)
IS 'the tokens of a text, as a model sees them; nothing is put around the text';

CREATE FUNCTION llm.detokenize(
	tokens pg_catalog.int4[],
	model pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'postgres_llm_detokenize'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION llm.detokenize(pg_catalog.int4[], pg_catalog.text)
IS 'the text of tokens';

CREATE FUNCTION llm.count_tokens(
	text pg_catalog.text,
	model pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int4
AS 'MODULE_PATHNAME', 'postgres_llm_count_tokens'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION llm.count_tokens(pg_catalog.text, pg_catalog.text)
IS 'how many tokens a text has for a model';

/*
 * ---- Prompts ----
 *
 * Like pg_catalog.format STABLE, because the output functions of some types are, and not STRICT.
 */

CREATE FUNCTION llm.prompt(template pg_catalog.text)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'postgres_llm_prompt'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION llm.prompt(pg_catalog.text)
IS 'the text of a template without placeholders, where {{ and }} stand for braces';

CREATE FUNCTION llm.prompt(
	template pg_catalog.text,
	VARIADIC arguments pg_catalog."any")
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'postgres_llm_prompt'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION llm.prompt(pg_catalog.text, VARIADIC pg_catalog."any")
IS 'a template with the arguments in the places of {0}, {1} and so on';

CREATE FUNCTION llm.prompt_fields_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME', 'postgres_llm_prompt_fields_support'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION llm.prompt_fields_support(pg_catalog.internal)
IS 'orders fields under postgres_llm.reorder_fields; called by the server itself';
REVOKE ALL ON FUNCTION llm.prompt_fields_support(pg_catalog.internal) FROM PUBLIC;

CREATE FUNCTION llm.prompt_fields(VARIADIC fields pg_catalog."any")
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'postgres_llm_prompt_fields'
LANGUAGE C STABLE PARALLEL SAFE
SUPPORT llm.prompt_fields_support;
COMMENT ON FUNCTION llm.prompt_fields(VARIADIC pg_catalog."any")
IS 'a line "name: value" for each pair of arguments; their order may be chosen by the planner';

/*
 * ---- Status ----
 *
 * Each view is over a function of its name, as usual for what lies in shared memory.
 */

CREATE VIEW llm.models AS
SELECT
	s.srvname::pg_catalog.text AS name,
	pg_catalog.pg_get_userbyid(s.srvowner)::pg_catalog.text AS owner,
	(SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o
	 WHERE o.option_name = 'source') AS source,
	(SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o
	 WHERE o.option_name = 'context_length')::pg_catalog.int4 AS context_length,
	COALESCE((SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o
			  WHERE o.option_name = 'weights'), 'native') AS weights,
	COALESCE((SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o
			  WHERE o.option_name = 'kv_cache_type'), 'f16') AS kv_cache_type,
	(SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o
	 WHERE o.option_name = 'draft_model') AS draft_model,
	COALESCE(s.srvname::pg_catalog.text
			 = pg_catalog.current_setting('postgres_llm.default_model', true), false) AS is_default,
	EXISTS (SELECT FROM pg_catalog.pg_depend d
			WHERE d.classid = 'pg_catalog.pg_foreign_server'::pg_catalog.regclass
			AND d.objid = s.oid AND d.deptype = 'e') AS is_builtin,
	pg_catalog.obj_description(s.oid, 'pg_foreign_server') AS description
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
WHERE w.fdwname = 'postgres_llm'
AND (pg_catalog.has_server_privilege(s.oid, 'USAGE')
	 OR pg_catalog.pg_has_role('pg_monitor', 'USAGE'));
COMMENT ON VIEW llm.models
IS 'models of this database that the current role may use; for members of pg_monitor, all of them';
COMMENT ON COLUMN llm.models.name IS 'what the argument model of a call names';
COMMENT ON COLUMN llm.models.owner IS 'role that may alter and drop it, and grant its use';
COMMENT ON COLUMN llm.models.source
IS 'GGUF file: a path from postgres_llm.model_directory, or an absolute one';
COMMENT ON COLUMN llm.models.context_length
IS 'tokens of prompt and answer together; null: what the file says';
COMMENT ON COLUMN llm.models.weights
IS 'native: as the file has them; f32: converted at load, exact and four bytes each';
COMMENT ON COLUMN llm.models.kv_cache_type IS 'numbers of the key-value cache: f16, f32 or q8_0';
COMMENT ON COLUMN llm.models.draft_model
IS 'model that guesses tokens for it, so that a step can make several; null: none';
COMMENT ON COLUMN llm.models.is_default IS 'used by calls that name no model';
COMMENT ON COLUMN llm.models.is_builtin IS 'brought by the extension, not to be altered';
COMMENT ON COLUMN llm.models.description IS 'its COMMENT ON SERVER';

CREATE FUNCTION llm.model_status(
	OUT model pg_catalog.text,
	OUT state pg_catalog.text,
	OUT loaded_bytes pg_catalog.int8,
	OUT context_length pg_catalog.int4,
	OUT slots pg_catalog.int4,
	OUT running pg_catalog.int4,
	OUT waiting pg_catalog.int4,
	OUT kv_blocks pg_catalog.int4,
	OUT kv_blocks_free pg_catalog.int4,
	OUT kv_blocks_cached pg_catalog.int4,
	OUT kv_blocks_pinned pg_catalog.int4,
	OUT window_blocks pg_catalog.int4,
	OUT window_blocks_free pg_catalog.int4,
	OUT window_blocks_cached pg_catalog.int4,
	OUT kv_bytes pg_catalog.int8,
	OUT asked_tokens pg_catalog.int8,
	OUT cached_tokens pg_catalog.int8,
	OUT kv_evictions pg_catalog.int8,
	OUT last_used pg_catalog.timestamptz,
	OUT path pg_catalog.text,
	OUT last_error pg_catalog.text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_model_status'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION llm.model_status() IS 'source of the views llm.model_status and llm.cache_status';

CREATE VIEW llm.model_status AS
SELECT
	model, state, loaded_bytes, context_length, slots, running, waiting, kv_blocks, kv_blocks_free,
	kv_blocks_cached, last_used, path, last_error
FROM llm.model_status();
COMMENT ON VIEW llm.model_status
IS 'models as the inference engine has them now: those the current role may use; all for pg_monitor';
COMMENT ON COLUMN llm.model_status.model
IS 'name in llm.models; null: another database or an earlier definition loaded it';
COMMENT ON COLUMN llm.model_status.state
IS 'unloaded, loading, loaded, unloading, or failed at the last attempt to load';
COMMENT ON COLUMN llm.model_status.loaded_bytes
IS 'memory of weights, key-value cache and buffers, which counts against postgres_llm.engine_memory';
COMMENT ON COLUMN llm.model_status.context_length
IS 'tokens of prompt and answer together, as loaded';
COMMENT ON COLUMN llm.model_status.slots IS 'how many sequences can run at once, with the eighth that is for single calls';
COMMENT ON COLUMN llm.model_status.running IS 'sequences in the batch';
COMMENT ON COLUMN llm.model_status.waiting IS 'sequences in the queue';
COMMENT ON COLUMN llm.model_status.kv_blocks
IS 'blocks of the key-value cache: of the layers that see everything, or of those with a window if there are no others';
COMMENT ON COLUMN llm.model_status.kv_blocks_free IS 'of these, empty';
COMMENT ON COLUMN llm.model_status.kv_blocks_cached
IS 'of these, not in use but kept, for prompts that begin like earlier ones';
COMMENT ON COLUMN llm.model_status.last_used IS 'when it was loaded, or a request to it last ended';
COMMENT ON COLUMN llm.model_status.path IS 'file it was loaded from; only for members of pg_monitor';
COMMENT ON COLUMN llm.model_status.last_error
IS 'why it failed; only for members of pg_monitor';

CREATE FUNCTION llm.engine_status(
	OUT state pg_catalog.text,
	OUT description pg_catalog.text,
	OUT broker_pid pg_catalog.int4,
	OUT engine_pid pg_catalog.int4,
	OUT started pg_catalog.timestamptz,
	OUT retry_at pg_catalog.timestamptz,
	OUT starts pg_catalog.int8,
	OUT failures pg_catalog.int8,
	OUT models pg_catalog.int4,
	OUT model_bytes pg_catalog.int8,
	OUT evictions pg_catalog.int8,
	OUT slots pg_catalog.int4,
	OUT slots_used pg_catalog.int4,
	OUT requests pg_catalog.int8,
	OUT completed pg_catalog.int8,
	OUT failed pg_catalog.int8,
	OUT cancelled pg_catalog.int8,
	OUT read_ahead pg_catalog.int8,
	OUT row_by_row pg_catalog.int8,
	OUT payload_bytes pg_catalog.int8,
	OUT last_error pg_catalog.text)
RETURNS record
AS 'MODULE_PATHNAME', 'postgres_llm_engine_status'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION llm.engine_status() IS 'source of the view llm.engine_status';
REVOKE ALL ON FUNCTION llm.engine_status() FROM PUBLIC;

CREATE VIEW llm.engine_status AS
SELECT
	state, description, broker_pid, engine_pid, started, retry_at, starts, failures, models,
	model_bytes, evictions, slots, slots_used, requests, completed, failed, cancelled, read_ahead,
	row_by_row, payload_bytes, last_error
FROM llm.engine_status();
COMMENT ON VIEW llm.engine_status IS 'the inference engine and the requests to it, in one row';
COMMENT ON COLUMN llm.engine_status.state
IS 'ready, starting, down, or backoff: it died and is started again at retry_at';
COMMENT ON COLUMN llm.engine_status.description IS 'what it runs on';
COMMENT ON COLUMN llm.engine_status.broker_pid IS 'the background worker that feeds it';
COMMENT ON COLUMN llm.engine_status.engine_pid IS 'its process';
COMMENT ON COLUMN llm.engine_status.started IS 'when this process was started';
COMMENT ON COLUMN llm.engine_status.retry_at IS 'when it will be started again';
COMMENT ON COLUMN llm.engine_status.starts IS 'how often it was started since the server was';
COMMENT ON COLUMN llm.engine_status.failures IS 'how often it ended otherwise than asked';
COMMENT ON COLUMN llm.engine_status.models IS 'models that it holds';
COMMENT ON COLUMN llm.engine_status.model_bytes
IS 'memory of these, at most postgres_llm.engine_memory where that is set';
COMMENT ON COLUMN llm.engine_status.evictions
IS 'idle models that this process has unloaded to make room for others';
COMMENT ON COLUMN llm.engine_status.slots IS 'requests that all sessions together can have in flight';
COMMENT ON COLUMN llm.engine_status.slots_used IS 'requests in flight';
COMMENT ON COLUMN llm.engine_status.requests IS 'requests since the server was started';
COMMENT ON COLUMN llm.engine_status.completed IS 'of these, ended with a result';
COMMENT ON COLUMN llm.engine_status.failed IS 'of these, ended with an error';
COMMENT ON COLUMN llm.engine_status.cancelled IS 'of these, given up before they ended';
COMMENT ON COLUMN llm.engine_status.read_ahead
IS 'generating calls that a query sent while it worked on earlier rows';
COMMENT ON COLUMN llm.engine_status.row_by_row
IS 'generating calls whose query could do nothing but wait';
COMMENT ON COLUMN llm.engine_status.payload_bytes
IS 'shared memory that requests and results take now';
COMMENT ON COLUMN llm.engine_status.last_error IS 'why it last died or did not start';

CREATE FUNCTION llm.restart_engine()
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME', 'postgres_llm_restart_engine'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION llm.restart_engine()
IS 'ends the engine, failing requests in flight, and starts it with the settings of now';
REVOKE ALL ON FUNCTION llm.restart_engine() FROM PUBLIC;

/*
 * ---- Filling a column ----
 */

CREATE PROCEDURE llm.fill(
	target pg_catalog.regclass,
	column_name pg_catalog.name,
	prompt pg_catalog.text,
	model pg_catalog.text DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL,
	filter pg_catalog.text DEFAULT NULL,
	chunk_rows pg_catalog.int4 DEFAULT 1000,
	error_column pg_catalog.name DEFAULT NULL,
	error_table pg_catalog.regclass DEFAULT NULL,
	max_rows pg_catalog.int8 DEFAULT NULL,
	INOUT rows_filled pg_catalog.int8 DEFAULT NULL,
	INOUT rows_failed pg_catalog.int8 DEFAULT NULL,
	INOUT rows_skipped pg_catalog.int8 DEFAULT NULL,
	INOUT rows_left pg_catalog.int8 DEFAULT NULL)
AS 'MODULE_PATHNAME', 'postgres_llm_fill'
LANGUAGE C;
COMMENT ON PROCEDURE llm.fill(
	pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb,
	pg_catalog.text, pg_catalog.int4, pg_catalog.name, pg_catalog.regclass, pg_catalog.int8,
	pg_catalog.int8, pg_catalog.int8, pg_catalog.int8, pg_catalog.int8)
IS 'fills a column where it is NULL with answers to an SQL expression, committing after each chunk';

CREATE FUNCTION llm.progress_fill(
	OUT pid pg_catalog.int4,
	OUT datid pg_catalog.oid,
	OUT relid pg_catalog.oid,
	OUT column_name pg_catalog.name,
	OUT phase pg_catalog.text,
	OUT pass pg_catalog.int4,
	OUT chunk pg_catalog.int8,
	OUT chunk_rows pg_catalog.int4,
	OUT chunk_answers pg_catalog.int4,
	OUT rows_total pg_catalog.int8,
	OUT rows_filled pg_catalog.int8,
	OUT rows_failed pg_catalog.int8,
	OUT rows_skipped pg_catalog.int8,
	OUT started pg_catalog.timestamptz,
	OUT last_commit pg_catalog.timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_progress_fill'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION llm.progress_fill() IS 'source of the view llm.progress_fill';

CREATE VIEW llm.progress_fill AS
SELECT
	p.pid, p.datid, d.datname, p.relid, p.column_name, p.phase, p.pass, p.chunk, p.chunk_rows,
	p.chunk_answers, p.rows_total, p.rows_filled, p.rows_failed, p.rows_skipped, p.started,
	p.last_commit
FROM llm.progress_fill() p
LEFT JOIN pg_catalog.pg_database d ON d.oid = p.datid;
COMMENT ON VIEW llm.progress_fill
IS 'each llm.fill that runs now; others than its role and pg_read_all_stats see pid and database only';
COMMENT ON COLUMN llm.progress_fill.pid IS 'process of the session that called it';
COMMENT ON COLUMN llm.progress_fill.datid IS 'OID of its database';
COMMENT ON COLUMN llm.progress_fill.datname IS 'its database';
COMMENT ON COLUMN llm.progress_fill.relid IS 'OID of the table';
COMMENT ON COLUMN llm.progress_fill.column_name IS 'the column that is filled';
COMMENT ON COLUMN llm.progress_fill.phase
IS 'counting rows, taking rows (locks and prompts), generating, or writing';
COMMENT ON COLUMN llm.progress_fill.pass IS 'which time it goes through the table';
COMMENT ON COLUMN llm.progress_fill.chunk IS 'which chunk, of all passes';
COMMENT ON COLUMN llm.progress_fill.chunk_rows IS 'rows of this chunk, which are locked';
COMMENT ON COLUMN llm.progress_fill.chunk_answers IS 'of these, how many are answered';
COMMENT ON COLUMN llm.progress_fill.rows_total IS 'rows that were to be filled when it began';
COMMENT ON COLUMN llm.progress_fill.rows_filled IS 'rows filled in committed chunks';
COMMENT ON COLUMN llm.progress_fill.rows_failed IS 'rows whose errors were recorded in committed chunks';
COMMENT ON COLUMN llm.progress_fill.rows_skipped IS 'rows of this pass whose prompt is NULL';
COMMENT ON COLUMN llm.progress_fill.started IS 'when it was called';
COMMENT ON COLUMN llm.progress_fill.last_commit IS 'when a chunk was last committed';

/*
 * ---- Statistics ----
 *
 * What was done and used.  Kept in shared memory: a restart of the server begins anew, one of the
 * engine only for stat_engine.
 */

CREATE FUNCTION llm.stat_engine(
	OUT model pg_catalog.text,
	OUT requests pg_catalog.int8,
	OUT queued pg_catalog.int4,
	OUT mean_wait_ms pg_catalog.float8,
	OUT steps pg_catalog.int8,
	OUT sequences_per_step pg_catalog.float8,
	OUT tokens_per_step pg_catalog.float8,
	OUT prompt_tokens pg_catalog.int8,
	OUT cached_tokens pg_catalog.int8,
	OUT prefix_hit_rate pg_catalog.float8,
	OUT generated_tokens pg_catalog.int8,
	OUT prompt_tokens_per_s pg_catalog.float8,
	OUT generated_tokens_per_s pg_catalog.float8,
	OUT drafted_tokens pg_catalog.int8,
	OUT accepted_tokens pg_catalog.int8,
	OUT preemptions pg_catalog.int8,
	OUT busy_ms pg_catalog.float8,
	OUT forward_ms pg_catalog.float8,
	OUT stats_reset pg_catalog.timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_stat_engine'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION llm.stat_engine() IS 'source of the view llm.stat_engine';

CREATE VIEW llm.stat_engine AS
SELECT
	model, requests, queued, mean_wait_ms, steps, sequences_per_step, tokens_per_step, prompt_tokens,
	cached_tokens, prefix_hit_rate, generated_tokens, prompt_tokens_per_s, generated_tokens_per_s, drafted_tokens, accepted_tokens,
	preemptions, busy_ms, forward_ms, stats_reset
FROM llm.stat_engine();
COMMENT ON VIEW llm.stat_engine
IS 'work of each loaded model: those the current role may use; all for pg_monitor';
COMMENT ON COLUMN llm.stat_engine.model
IS 'name in llm.models; null: another database or an earlier definition loaded it';
COMMENT ON COLUMN llm.stat_engine.requests IS 'requests that ended with a result';
COMMENT ON COLUMN llm.stat_engine.queued
IS 'requests that wait for their first step now, in shared memory and in the engine';
COMMENT ON COLUMN llm.stat_engine.mean_wait_ms IS 'mean time of a request until its first step';
COMMENT ON COLUMN llm.stat_engine.steps IS 'forward passes';
COMMENT ON COLUMN llm.stat_engine.sequences_per_step IS 'mean number of requests in a step';
COMMENT ON COLUMN llm.stat_engine.tokens_per_step IS 'mean number of tokens in a step';
COMMENT ON COLUMN llm.stat_engine.prompt_tokens
IS 'prompt tokens computed; those found in the cache are not computed';
COMMENT ON COLUMN llm.stat_engine.cached_tokens IS 'prompt tokens found in the cache';
COMMENT ON COLUMN llm.stat_engine.prefix_hit_rate
IS 'share of the tokens of all prompts that was found in the cache';
COMMENT ON COLUMN llm.stat_engine.generated_tokens IS 'tokens made';
COMMENT ON COLUMN llm.stat_engine.prompt_tokens_per_s
IS 'prompt tokens computed per second of the last ten seconds';
COMMENT ON COLUMN llm.stat_engine.generated_tokens_per_s
IS 'tokens made per second of the last ten seconds';
COMMENT ON COLUMN llm.stat_engine.drafted_tokens
IS 'tokens guessed ahead by speculation, and computed beside the next one';
COMMENT ON COLUMN llm.stat_engine.accepted_tokens IS 'of these, were right: each saved a step';
COMMENT ON COLUMN llm.stat_engine.preemptions
IS 'times that a running request gave its cache blocks to others and waited again';
COMMENT ON COLUMN llm.stat_engine.busy_ms
IS 'time with something to do: forward passes and what is between them';
COMMENT ON COLUMN llm.stat_engine.forward_ms
IS 'of this, in forward passes; the rest is planning, sampling and traffic';
COMMENT ON COLUMN llm.stat_engine.stats_reset
IS 'since when all this is counted: load of the model, or llm.stat_reset()';

CREATE FUNCTION llm.stat_requests(
	OUT pid pg_catalog.int4,
	OUT role pg_catalog.text,
	OUT database pg_catalog.text,
	OUT query_id pg_catalog.int8,
	OUT model pg_catalog.text,
	OUT kind pg_catalog.text,
	OUT state pg_catalog.text,
	OUT prompt_tokens pg_catalog.int4,
	OUT prompt_done pg_catalog.int4,
	OUT generated_tokens pg_catalog.int4,
	OUT submitted pg_catalog.timestamptz,
	OUT sent pg_catalog.timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_stat_requests'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION llm.stat_requests() IS 'source of the view llm.stat_requests';

CREATE VIEW llm.stat_requests AS
SELECT
	pid, role, database, query_id, model, kind, state, prompt_tokens, prompt_done, generated_tokens,
	submitted, sent
FROM llm.stat_requests();
COMMENT ON VIEW llm.stat_requests
IS 'requests in flight of all sessions; of other roles'' only whose, but for pg_read_all_stats';
COMMENT ON COLUMN llm.stat_requests.pid IS 'server process of the session';
COMMENT ON COLUMN llm.stat_requests.role IS 'role that logged in';
COMMENT ON COLUMN llm.stat_requests.database IS 'its database';
COMMENT ON COLUMN llm.stat_requests.query_id
IS 'the query, as in pg_stat_activity; null unless compute_query_id is on';
COMMENT ON COLUMN llm.stat_requests.model IS 'name of the model in that database';
COMMENT ON COLUMN llm.stat_requests.kind IS 'what is asked: generate, score, tokenize, ...';
COMMENT ON COLUMN llm.stat_requests.state
IS 'queued in shared memory, waiting in the engine, prefill, decode, cancelled, or an answer that was not read yet: done, failed';
COMMENT ON COLUMN llm.stat_requests.prompt_tokens IS 'tokens of the prompt; null: not known yet';
COMMENT ON COLUMN llm.stat_requests.prompt_done
IS 'of these, computed or found in the cache, as reported at most 0.1 s ago';
COMMENT ON COLUMN llm.stat_requests.generated_tokens IS 'tokens made, as reported likewise';
COMMENT ON COLUMN llm.stat_requests.submitted IS 'when the session handed it in';
COMMENT ON COLUMN llm.stat_requests.sent IS 'when it went to the engine; null: not yet';

CREATE FUNCTION llm.stat_usage(
	OUT role pg_catalog.text,
	OUT database pg_catalog.text,
	OUT model pg_catalog.text,
	OUT requests pg_catalog.int8,
	OUT failed pg_catalog.int8,
	OUT cancelled pg_catalog.int8,
	OUT prompt_tokens pg_catalog.int8,
	OUT cached_tokens pg_catalog.int8,
	OUT generated_tokens pg_catalog.int8,
	OUT wait_ms pg_catalog.float8,
	OUT engine_ms pg_catalog.float8,
	OUT stats_reset pg_catalog.timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_stat_usage'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION llm.stat_usage() IS 'source of the view llm.stat_usage';

CREATE VIEW llm.stat_usage AS
SELECT
	role, database, model, requests, failed, cancelled, prompt_tokens, cached_tokens,
	generated_tokens, wait_ms, engine_ms, stats_reset
FROM llm.stat_usage();
COMMENT ON VIEW llm.stat_usage
IS 'what roles have used of models: the current role; all for pg_read_all_stats';
COMMENT ON COLUMN llm.stat_usage.role
IS 'role that logged in; null: a dropped one, or those beyond the first 1023 combinations';
COMMENT ON COLUMN llm.stat_usage.database IS 'its database; null as for role';
COMMENT ON COLUMN llm.stat_usage.model IS 'name of the model in that database; null as for role';
COMMENT ON COLUMN llm.stat_usage.requests
IS 'requests that ran the model and are over, whatever their end';
COMMENT ON COLUMN llm.stat_usage.failed IS 'of these, ended with an error';
COMMENT ON COLUMN llm.stat_usage.cancelled IS 'of these, given up before they ended';
COMMENT ON COLUMN llm.stat_usage.prompt_tokens
IS 'tokens of prompts and scored texts, computed or found in the cache; counted as they are';
COMMENT ON COLUMN llm.stat_usage.cached_tokens IS 'of these, found in the cache';
COMMENT ON COLUMN llm.stat_usage.generated_tokens
IS 'tokens made, also those of requests that failed or were cancelled';
COMMENT ON COLUMN llm.stat_usage.wait_ms IS 'time until the first step, summed over requests';
COMMENT ON COLUMN llm.stat_usage.engine_ms IS 'time in the engine, summed over requests';
COMMENT ON COLUMN llm.stat_usage.stats_reset
IS 'since when all this is counted: start of the server, or llm.stat_reset()';

CREATE FUNCTION llm.stat_reset()
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME', 'postgres_llm_stat_reset'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION llm.stat_reset()
IS 'sets llm.stat_engine and llm.stat_usage to zero; limits of roles keep what they count';
REVOKE ALL ON FUNCTION llm.stat_reset() FROM PUBLIC;

/*
 * ---- Who may ----
 *
 * One GRANT USAGE ON FOREIGN SERVER is all that a role needs to use a model.
 */

GRANT USAGE ON SCHEMA llm TO PUBLIC;

/* A KV block holds 16 tokens: LLM_KV_BLOCK. */
CREATE VIEW llm.cache_status AS
SELECT
	model, kv_bytes AS bytes, kv_blocks AS blocks, kv_blocks_free AS blocks_free,
	kv_blocks_cached AS blocks_cached, kv_blocks - kv_blocks_free - kv_blocks_cached AS blocks_used,
	kv_blocks_pinned AS blocks_pinned, window_blocks, window_blocks_free, window_blocks_cached,
	window_blocks - window_blocks_free - window_blocks_cached AS window_blocks_used, 16 AS block_tokens, asked_tokens, cached_tokens,
	cached_tokens / nullif(asked_tokens, 0)::pg_catalog.float8 AS hit_rate, kv_evictions AS evictions
FROM llm.model_status()
WHERE kv_blocks IS NOT NULL;
COMMENT ON VIEW llm.cache_status
IS 'key-value caches of the models that are loaded now, and what they spared since the load';
COMMENT ON COLUMN llm.cache_status.model
IS 'name in llm.models; null: another database or an earlier definition loaded it';
COMMENT ON COLUMN llm.cache_status.bytes IS 'memory of the key-value cache';
COMMENT ON COLUMN llm.cache_status.blocks
IS 'blocks of the key-value cache: of the layers that see everything, or of those with a window if there are no others';
COMMENT ON COLUMN llm.cache_status.blocks_free IS 'of these, empty';
COMMENT ON COLUMN llm.cache_status.blocks_cached
IS 'of these, not in use but kept, for prompts that begin like earlier ones; they are as good as free for others';
COMMENT ON COLUMN llm.cache_status.blocks_used
IS 'of these, in use by requests that run and by pinned prefixes';
COMMENT ON COLUMN llm.cache_status.blocks_pinned
IS 'what pinned prefixes take together; what they share counts for each';
COMMENT ON COLUMN llm.cache_status.window_blocks
IS 'blocks of the layers with a window, which keep only that, beside the others; null for models without';
COMMENT ON COLUMN llm.cache_status.window_blocks_free IS 'of these, empty';
COMMENT ON COLUMN llm.cache_status.window_blocks_cached IS 'of these, not in use but kept';
COMMENT ON COLUMN llm.cache_status.window_blocks_used IS 'of these, in use by requests that run and by pinned prefixes';
COMMENT ON COLUMN llm.cache_status.block_tokens IS 'tokens of a block';
COMMENT ON COLUMN llm.cache_status.asked_tokens IS 'tokens of the prompts of all requests that have begun';
COMMENT ON COLUMN llm.cache_status.cached_tokens IS 'of these, found in the cache and not computed';
COMMENT ON COLUMN llm.cache_status.hit_rate IS 'the share of cached_tokens in asked_tokens';
COMMENT ON COLUMN llm.cache_status.evictions IS 'cached blocks that had to make room for other tokens';

CREATE FUNCTION llm.cache_reset(model pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME', 'postgres_llm_cache_reset'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION llm.cache_reset(pg_catalog.text)
IS 'forgets the computed beginnings of prompts that no request uses now, of one model or all of this database; returns their tokens';
REVOKE ALL ON FUNCTION llm.cache_reset(pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION llm.pin_prefix(
	name pg_catalog.text,
	prompt pg_catalog.text,
	model pg_catalog.text DEFAULT NULL,
	system_prompt pg_catalog.text DEFAULT NULL,
	options pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.int4
AS 'MODULE_PATHNAME', 'postgres_llm_pin_prefix'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION llm.pin_prefix(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)
IS 'computes the beginning of prompts and keeps it in the cache under a name, in the place of what the name had; what is too much is refused before it is computed; returns the tokens that are kept';
REVOKE ALL ON FUNCTION llm.pin_prefix(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb) FROM PUBLIC;

CREATE FUNCTION llm.unpin_prefix(name pg_catalog.text, model pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int4
AS 'MODULE_PATHNAME', 'postgres_llm_unpin_prefix'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION llm.unpin_prefix(pg_catalog.text, pg_catalog.text)
IS 'lets a pinned prefix go; returns its tokens';
REVOKE ALL ON FUNCTION llm.unpin_prefix(pg_catalog.text, pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION llm.pinned_prefixes(
	OUT name pg_catalog.text,
	OUT model pg_catalog.text,
	OUT tokens pg_catalog.int4)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'postgres_llm_pinned_prefixes'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION llm.pinned_prefixes() IS 'source of the view llm.pinned_prefixes';

CREATE VIEW llm.pinned_prefixes AS
SELECT name, model, tokens FROM llm.pinned_prefixes();
COMMENT ON VIEW llm.pinned_prefixes
IS 'prefixes that llm.pin_prefix keeps, of the models that the current role may use';
COMMENT ON COLUMN llm.pinned_prefixes.name IS 'name, among those who share prefixes';
COMMENT ON COLUMN llm.pinned_prefixes.model IS 'name in llm.models';
COMMENT ON COLUMN llm.pinned_prefixes.tokens IS 'its tokens in the cache';

GRANT SELECT ON llm.models, llm.model_status, llm.cache_status, llm.pinned_prefixes, llm.progress_fill, llm.stat_engine, llm.stat_requests,
	llm.stat_usage TO PUBLIC;
GRANT SELECT ON llm.engine_status TO pg_monitor;
GRANT EXECUTE ON FUNCTION llm.engine_status() TO pg_monitor;
