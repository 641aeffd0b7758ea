\set FETCH_COUNT 1
\pset tuples_only on
\pset format unaligned
SELECT round(1000 * extract(epoch FROM clock_timestamp() - now()))::text || ' ms  ' || (piece).chunk
  FROM (SELECT llm.stream('Tell me about the moon in one sentence.', max_tokens => 24) AS piece) AS s;
