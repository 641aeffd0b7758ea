SELECT llm.chat('[{"role": "system", "content": "You are a friendly librarian."},
                  {"role": "user", "content": "I liked Treasure Island."},
                  {"role": "assistant", "content": "A fine choice! Do you like the sea?"},
                  {"role": "user", "content": "Yes. Name one more book about the sea."}]',
                max_tokens => 40);
SELECT llm.count_tokens('How many tokens is this?'), llm.tokenize('Hello world');
SELECT token, round(logprob::numeric, 3) AS logprob
  FROM llm.score('The capital of France is', ' Paris.', options => '{"raw": true}');
SELECT text, finish_reason, prompt_tokens, completion_tokens
  FROM llm.generate_detail('Count from one to five.', max_tokens => 12);
