# postgres_llm: inference inside PostgreSQL.

include src/plain.mk
include test/test.mk
