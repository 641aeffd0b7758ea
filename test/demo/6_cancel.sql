SET statement_timeout = '500ms';
SELECT llm.generate('Write a very long story about the sea.', max_tokens => 2000);
RESET statement_timeout;
SELECT pg_sleep(0.3);
SELECT slots_used FROM llm.engine_status;
