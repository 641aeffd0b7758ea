/*
 * test_scheduler_random.c
 *	  The scheduler against a fake model and a naive one, over random lives of many sequences.
 *
 * The fake model keeps a KV cache of plain integers.  A step stores each token at its slot; a row
 * of "logits" is a hash of everything from position 0 to the row's, read through the block table,
 * and the next token is taken from that hash.  Some models have layers with a window, with a cache
 * of their own: what the window shows, read through the other table, is hashed in; some have no
 * other layers.  A wrong slot, a wrong block table, a block that
 * two sequences share or a token that was skipped changes the hash.  The naive model hashes the
 * tokens of one sequence in order and has no cache at all; both must agree on every row of every
 * sequence.  Sequences are drafted for at random, rightly and wrongly: rows behind a wrong token
 * must be declared void, and they are the negative control, for they differ from the naive model.
 *
 * Each episode draws its own limits, down to a budget of one token and one sequence.  After every
 * step the scheduler recounts itself (llm_scheduler_check) and the view is checked as a kernel
 * would read it.
 *
 *	  LLM_TEST_SEED=n         the run to repeat (printed)
 *	  LLM_TEST_OPERATIONS=n   adds, cancels and steps in all; default 200000
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/scheduler.h"

#include <inttypes.h>

#define VOCABULARY 50000
#define EPISODE_OPERATIONS 500
#define MAX_LIVE 128

/* A token, and what the naive model says after it. */
typedef struct Said
{
	int32_t token;
	uint64_t chain; /* hash of all tokens so far */
	uint64_t answer;
} Said;

/* What the test knows of a sequence. */
typedef struct Record
{
	LlmSequence *sequence;
	uint64_t arrival; /* order of adds */
	int32_t n_answer; /* tokens that it will say: it may end before it has to */
	int32_t logits_from;
	int32_t next_row; /* position whose row must come next */
	int32_t n_tokens;
	bool bulk;
	bool pins;			 /* shall be pinned when it is computed */
	bool decodes;		 /* has one token to compute */
	bool begun;			 /* has been in a step */
	int32_t n_before;	 /* computed before the step under way */
	int32_t n_preempted; /* times, before the step under way */
	Said *said;			 /* [n_prompt + max_new_tokens + LLM_MAX_DRAFT] */
} Record;

#define MAX_PINNED 4

/* One scheduler and what surrounds it. */
typedef struct World
{
	LlmSchedulerConfig config;
	LlmScheduler *scheduler;
	int32_t *kv[LLM_KV_GROUPS]; /* [blocks_of(group) * LLM_KV_BLOCK] the fake model's caches */
	uint8_t *slot_written;		/* as long as the longer one: 1 for slots of the step under way */
	Record *live[MAX_LIVE];
	int32_t n_live;
	LlmSequence *pinned[MAX_PINNED];
	int32_t n_pinned;
	int32_t bulk_percent;  /* of the sequences */
	int32_t max_answer;	   /* tokens of most sequences */
	int32_t early_percent; /* of the sequences, that end before they have to */
	int32_t n_tenants;	   /* 0: nobody shares prefixes */
	int32_t text[2][256];  /* what shared prompts begin with; the two begin alike, too */
	bool timed;			   /* the scheduler is told how long steps take */
	int32_t draft_percent; /* of the times when one could be drafted for */
	uint64_t last_arrival;
} World;

static uint64_t rng_state;
static int64_t n_rows_checked, n_finished, n_cancelled, n_steps, n_cached, n_copied, n_step_tokens;
static int64_t n_window_cached, n_window_copied; /* of these, in models with windows */
static int64_t n_pins, n_pins_refused;
static int64_t n_accepted, n_void, n_void_differ, n_preempted, n_bulk_preempted, n_reset;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static int32_t
random_between(int32_t low, int32_t high)
{
	rng_state += UINT64_C(0x9e3779b97f4a7c15);
	return low + (int32_t) (mix(rng_state) % (uint64_t) (high - low + 1));
}

/* The fold of both models: order and values of all tokens so far. */
static uint64_t
fold(uint64_t hash, int32_t token)
{
	return mix(hash * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t) (uint32_t) token + 1);
}

static int32_t
token_from(uint64_t hash)
{
	return (int32_t) (hash % VOCABULARY);
}

static int32_t
blocks_of(const World *world, int group)
{
	return group == LLM_KV_FULL ? world->config.n_kv_blocks : world->config.n_window_blocks;
}

/* Does the model have layers that read this group's tables? */
static bool
reads(const World *world, int group)
{
	return group == LLM_KV_FULL ? !world->config.window_only : world->config.n_window_blocks > 0;
}

/* What the model says when it has read these two hashes. */
static uint64_t
answer_of(const World *world, uint64_t all, uint64_t in_window)
{
	if (!reads(world, LLM_KV_WINDOW))
		return all;
	return reads(world, LLM_KV_FULL) ? mix(all ^ in_window) : in_window;
}

static int32_t
first_in_window(const World *world, int32_t position)
{
	return position < world->config.window ? 0 : position - world->config.window + 1;
}

static void
record_token(const World *world, Record *record, int32_t token)
{
	int32_t i = record->n_tokens++;
	uint64_t in_window = 0;

	record->said[i].token = token;
	record->said[i].chain = fold(i > 0 ? record->said[i - 1].chain : 0, token);
	for (int32_t p = first_in_window(world, i); p <= i; p++)
		in_window = fold(in_window, record->said[p].token);
	record->said[i].answer = answer_of(world, record->said[i].chain, in_window);
}

/* Half of the models have layers with a window, some of them no other layers. */
static void
choose_window(LlmSchedulerConfig *config)
{
	int32_t in_context = (config->max_context + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK;
	int32_t needed;

	if (random_between(0, 1) == 0)
		return;
	config->window = random_between(1, random_between(0, 1) ? 20 : 80);
	config->window_only = random_between(0, 2) == 0;
	needed = llm_scheduler_window_blocks(config->window, config->max_step_tokens);
	config->n_window_blocks = needed < in_context ? needed : in_context;
	config->n_window_blocks += random_between(0, 1) ? 0 : random_between(0, 40);
	if (config->window_only)
		config->n_kv_blocks = 300;
}

static World
world_create(void)
{
	static const int32_t budgets[] = {1, 2, 7, 16, 33, 64, 256};
	World world = {0};
	size_t n_slots;

	world.bulk_percent = random_between(0, 2) * 50;
	world.max_answer = random_between(0, 1) ? 20 : 100;
	world.early_percent = random_between(0, 2) * 45;
	world.n_tenants = random_between(0, 2);
	for (int32_t i = 0; i < 256; i++)
		world.text[0][i] = world.text[1][i] = random_between(0, VOCABULARY - 1);
	for (int32_t i = random_between(0, 200); i < 256; i++)
		world.text[1][i] = random_between(0, VOCABULARY - 1);
	world.timed = random_between(0, 1) == 1;
	world.draft_percent = random_between(0, 2) * 45;
	world.config.draft_policy = random_between(0, 2) == 0 ? LLM_DRAFT_IF_IT_PAYS : LLM_DRAFT_ALWAYS;
	world.config.batch_policy = random_between(0, 2) > 0
									? LLM_BATCH_INFLIGHT
									: random_between(LLM_BATCH_DYNAMIC, LLM_BATCH_STATIC);
	world.config.max_sequences = random_between(0, 4) == 0 ? 1 : random_between(2, 24);
	world.config.max_bulk = random_between(0, world.config.max_sequences);
	world.config.max_waiting = random_between(1, 40);
	world.config.max_step_tokens = budgets[random_between(0, 6)];
	world.config.max_prefills = random_between(1, 5);
	world.config.max_logit_rows = world.config.max_sequences + random_between(0, 1) * 20;
	world.config.max_context = random_between(4, 200);
	world.config.n_kv_blocks = random_between(1, random_between(0, 1) ? 80 : 16);
	choose_window(&world.config);
	n_slots = (size_t) (world.config.n_kv_blocks + world.config.n_window_blocks) * LLM_KV_BLOCK;
	for (int group = 0; group < LLM_KV_GROUPS; group++)
		world.kv[group] =
			calloc((size_t) blocks_of(&world, group) * LLM_KV_BLOCK + 1, sizeof(int32_t));
	world.slot_written = calloc(n_slots, 1);
	world.scheduler = create(world.config);
	return world;
}

static void
world_destroy(World *world)
{
	for (int32_t i = 0; i < world->n_live; i++)
	{
		free(world->live[i]->said);
		free(world->live[i]);
	}
	llm_scheduler_destroy(world->scheduler);
	for (int group = 0; group < LLM_KV_GROUPS; group++)
		free(world->kv[group]);
	free(world->slot_written);
}

static void
world_add(World *world)
{
	int32_t limit = llm_scheduler_max_tokens(world->scheduler);
	int32_t n_prompt = random_between(1, random_between(0, 3) == 0 ? limit : (limit + 3) / 4);
	int32_t max_new = random_between(0, random_between(0, 5) == 0 ? limit : world->max_answer);
	int32_t n_shared = n_prompt - random_between(0, random_between(0, 1) ? 3 : n_prompt);
	const int32_t *text = world->text[random_between(0, 1)];
	int32_t tokens[256];
	bool pins = world->n_tenants > 0 && limit >= LLM_KV_BLOCK && random_between(0, 15) == 0;
	bool fits;
	LlmSchedulerStatus before;
	LlmSequenceSpec spec;
	LlmStatus status;
	Record *record;

	if (world->n_live == MAX_LIVE)
		return;
	if (pins)
	{
		/* Small ones, for half of the KV blocks is soon reached. */
		n_prompt = LLM_KV_BLOCK * random_between(1, limit < 64 ? 1 : 4);
		max_new = 0;
		n_shared = random_between(0, n_prompt);
	}
	fits = n_prompt + max_new <= limit;
	record = calloc(1, sizeof(*record));
	record->pins = pins;
	record->said = calloc((size_t) (n_prompt + max_new + LLM_MAX_DRAFT), sizeof(Said));
	for (int32_t i = 0; i < n_prompt; i++)
	{
		tokens[i] = i < n_shared ? text[i] : random_between(0, VOCABULARY - 1);
		record_token(world, record, tokens[i]);
	}
	record->arrival = ++world->last_arrival;
	record->n_answer = random_between(0, 99) < world->early_percent ? max_new / 8 : max_new;
	record->logits_from =
		random_between(0, 3) == 0 ? random_between(0, n_prompt - 1) : n_prompt - 1;
	record->next_row = record->logits_from;
	record->bulk = random_between(0, 99) < world->bulk_percent;

	llm_scheduler_status(world->scheduler, &before);
	spec = (LlmSequenceSpec){
		.owner = record,
		.tokens = tokens,
		.n_tokens = n_prompt,
		.max_new_tokens = max_new,
		.logits_from = record->logits_from,
		.bulk = record->bulk,
		.tenant = (uint64_t) random_between(pins, world->n_tenants),
	};
	status = llm_scheduler_add(world->scheduler, &spec, &record->sequence, NULL);
	CHECK(status == (fits && before.waiting < world->config.max_waiting ? LLM_OK : LLM_ERR_LIMIT));
	if (status == LLM_OK)
		world->live[world->n_live++] = record;
	else
	{
		free(record->said);
		free(record);
	}
}

static void
world_remove(World *world, int32_t i)
{
	Record *record = world->live[i];

	llm_scheduler_remove(world->scheduler, record->sequence);
	world->live[i] = world->live[--world->n_live];
	free(record->said);
	free(record);
}

/*
 * What it was computed for: pin it, in the place of another at times, or give it up when that is
 * refused.
 */
static void
world_pin(World *world, int32_t i)
{
	Record *record = world->live[i];
	bool replaces =
		world->n_pinned == MAX_PINNED || (world->n_pinned > 0 && random_between(0, 1) == 0);
	int32_t place = replaces ? random_between(0, world->n_pinned - 1) : world->n_pinned;

	if (llm_scheduler_pin(world->scheduler, record->sequence,
						  replaces ? world->pinned[place] : NULL, NULL) != LLM_OK)
	{
		n_pins_refused++;
		world_remove(world, i);
		return;
	}
	if (replaces)
		llm_scheduler_remove(world->scheduler, world->pinned[place]);
	n_pins++;
	world->pinned[place] = record->sequence;
	world->n_pinned += !replaces;
	world->live[i] = world->live[--world->n_live];
	free(record->said);
	free(record);
}

static void
world_unpin(World *world)
{
	llm_scheduler_remove(world->scheduler, world->pinned[--world->n_pinned]);
	CHECK(llm_scheduler_check(world->scheduler));
}

/* Is there a KV block for token t, and its slot there? */
static bool
slot_is_sound(const World *world, const LlmBatchView *view, int group, int32_t t)
{
	int32_t position = view->position[t];
	int32_t block = llm_batch_block_table(view, group, view->seq_of[t])[position / LLM_KV_BLOCK];

	return block >= 0 && block < blocks_of(world, group) &&
		   llm_batch_slot_mapping(view, group)[t] == block * LLM_KV_BLOCK + position % LLM_KV_BLOCK;
}

/* Is copy c of this group from one block into another, which a sequence goes on writing? */
static bool
copy_is_sound(const World *world, const LlmBatchView *view, int group, int32_t c)
{
	const int32_t *slots = llm_batch_slot_mapping(view, group);
	int32_t source = llm_batch_copy_source(view, group)[c];
	int32_t target = llm_batch_copy_target(view, group)[c];
	bool is_used = false;

	if (source < 0 || source >= blocks_of(world, group) || source == target ||
		view->copy_len[c] < 1 || view->copy_len[c] >= LLM_KV_BLOCK)
		return false;

	/* The target's first token of this step is the one behind the copied ones. */
	for (int32_t s = 0; s < view->n_seqs; s++)
		is_used =
			is_used || slots[view->query_start[s]] == target * LLM_KV_BLOCK + view->copy_len[c];
	for (int32_t t = 0; t < view->n_tokens; t++)
	{
		if (slots[t] / LLM_KV_BLOCK == source)
			return false;
	}
	return is_used;
}

/* Nobody writes to a source, and each target is one sequence's. */
static bool
copies_are_sound(const World *world, const LlmBatchView *view)
{
	for (int32_t c = 0; c < view->n_copies; c++)
	{
		if (!copy_is_sound(world, view, LLM_KV_FULL, c) ||
			(world->config.n_window_blocks > 0 && !copy_is_sound(world, view, LLM_KV_WINDOW, c)))
			return false;
	}
	return true;
}

/* Copy what is to be copied in one cache; the rest of the blocks becomes nonsense. */
static void
copy_in(World *world, const LlmBatchView *view, int group)
{
	for (int32_t c = 0; c < view->n_copies; c++)
	{
		int32_t *source = world->kv[group] + llm_batch_copy_source(view, group)[c] * LLM_KV_BLOCK;
		int32_t *target = world->kv[group] + llm_batch_copy_target(view, group)[c] * LLM_KV_BLOCK;

		for (int32_t i = 0; i < LLM_KV_BLOCK; i++)
			target[i] = i < view->copy_len[c] ? source[i] : -1;
	}
}

static void
copy_blocks(World *world, const LlmBatchView *view)
{
	for (int group = 0; group < LLM_KV_GROUPS; group++)
	{
		if (reads(world, group))
			copy_in(world, view, group);
	}
	for (int32_t c = 0; c < view->n_copies; c++)
	{
		n_copied += view->copy_len[c];
		n_window_copied += reads(world, LLM_KV_WINDOW) ? view->copy_len[c] : 0;
	}
}

/* What a kernel relies on. */
static bool
view_is_sound(const World *world, const LlmBatchView *view)
{
	const LlmSchedulerConfig *config = &world->config;

	if (view->n_tokens < 1 || view->n_tokens > config->max_step_tokens || view->n_seqs < 1 ||
		view->n_seqs > config->max_sequences || view->n_logit_rows < 0 ||
		view->n_logit_rows > config->max_logit_rows || view->query_start[0] != 0 ||
		view->query_start[view->n_seqs] != view->n_tokens || view->n_copies > view->n_seqs)
		return false;
	for (int32_t s = 0; s < view->n_seqs; s++)
	{
		int32_t start = view->query_start[s];
		int32_t end = view->query_start[s + 1];

		if (end <= start || view->position[end - 1] + 1 != view->context_len[s])
			return false;
		for (int32_t t = start; t < end; t++)
		{
			if (view->seq_of[t] != s ||
				(t > start && view->position[t] != view->position[t - 1] + 1))
				return false;
			if (!slot_is_sound(world, view, LLM_KV_FULL, t) ||
				(config->n_window_blocks > 0 && !slot_is_sound(world, view, LLM_KV_WINDOW, t)))
				return false;
		}
	}
	for (int32_t r = 0; r < view->n_logit_rows; r++)
	{
		if (view->logit_row[r] < 0 || view->logit_row[r] >= view->n_tokens ||
			(r > 0 && view->logit_row[r] <= view->logit_row[r - 1]))
			return false;
	}
	return copies_are_sound(world, view);
}

/* Store the step's tokens in one cache; false when two of them have one slot. */
static bool
store_in(World *world, const LlmBatchView *view, int group)
{
	const int32_t *slots = llm_batch_slot_mapping(view, group);
	bool distinct = true;

	for (int32_t t = 0; t < view->n_tokens; t++)
	{
		distinct = distinct && !world->slot_written[slots[t]];
		world->slot_written[slots[t]] = 1;
		world->kv[group][slots[t]] = view->token[t];
	}
	for (int32_t t = 0; t < view->n_tokens; t++)
		world->slot_written[slots[t]] = 0;
	return distinct;
}

static bool
store_tokens(World *world, const LlmBatchView *view)
{
	return (!reads(world, LLM_KV_FULL) || store_in(world, view, LLM_KV_FULL)) &&
		   (!reads(world, LLM_KV_WINDOW) || store_in(world, view, LLM_KV_WINDOW));
}

/* A hash of what token t reads in one cache, from position first on. */
static uint64_t
read_from(const World *world, const LlmBatchView *view, int group, int32_t t, int32_t first)
{
	uint64_t hash = 0;

	if (!reads(world, group))
		return 0;
	for (int32_t p = first; p <= view->position[t]; p++)
	{
		const int32_t *table = llm_batch_block_table(view, group, view->seq_of[t]);
		int32_t slot = table[p / LLM_KV_BLOCK] * LLM_KV_BLOCK + p % LLM_KV_BLOCK;

		hash = fold(hash, world->kv[group][slot]);
	}
	return hash;
}

/* The fake model's answer for token t of the view. */
static uint64_t
run_row(const World *world, const LlmBatchView *view, int32_t t)
{
	int32_t first = first_in_window(world, view->position[t]);

	return answer_of(world, read_from(world, view, LLM_KV_FULL, t, 0),
					 read_from(world, view, LLM_KV_WINDOW, t, first));
}

/* No more prompts of a lane are under way than allowed. */
static void
check_prefills(const World *world, bool bulk)
{
	int32_t n_partial = 0;

	for (int32_t i = 0; i < world->n_live; i++)
	{
		Record *record = world->live[i];
		int32_t n_computed = llm_sequence_n_computed(record->sequence);

		if (record->bulk != bulk)
			continue;
		record->begun = record->begun || n_computed > 0;
		/* One token left counts as a decode. */
		if (n_computed > 0 && n_computed < llm_sequence_n_prompt(record->sequence) - 1)
			n_partial++;
	}
	CHECK(n_partial <= world->config.max_prefills);
}

/* With shared prefixes one may wait for another to compute them. */
static void
check_nobody_overtaken(const World *world, bool bulk)
{
	uint64_t last_begun = 0;

	for (int32_t i = 0; i < world->n_live; i++)
	{
		const Record *record = world->live[i];

		if (record->bulk == bulk && record->begun && record->arrival > last_begun)
			last_begun = record->arrival;
	}
	for (int32_t i = 0; i < world->n_live; i++)
		CHECK_MSG(world->live[i]->bulk != bulk || world->live[i]->begun ||
					  world->live[i]->arrival > last_begun,
				  "sequence %" PRIu64 " was overtaken", world->live[i]->arrival);
}

/* Compare the rows with the naive model and sample; sequences that are complete leave. */
static void
use_rows(World *world, const LlmBatchView *view, const LlmLogitRow *rows)
{
	for (int32_t r = 0; r < view->n_logit_rows; r++)
	{
		LlmSequence *sequence = rows[r].sequence;
		Record *record = llm_sequence_owner(sequence);
		int32_t t = view->logit_row[r];
		uint64_t hash = run_row(world, view, t);

		if (rows[r].position >= llm_sequence_n_computed(sequence))
		{
			n_void++;
			n_void_differ += hash != record->said[view->position[t]].answer;
			continue;
		}
		CHECK(rows[r].position == view->position[t] && rows[r].position == record->next_row);
		record->next_row++;
		CHECK_MSG(hash == record->said[view->position[t]].answer,
				  "sequence %" PRIu64 " differs from the naive model at position %d",
				  record->arrival, (int) view->position[t]);
		n_rows_checked++;
		if (rows[r].position == record->n_tokens - 1 &&
			record->n_tokens < llm_sequence_n_prompt(sequence) + record->n_answer)
		{
			record_token(world, record, token_from(hash));
			n_accepted += llm_sequence_append(sequence, token_from(hash));
		}
	}
	for (int32_t i = world->n_live; i-- > 0;)
	{
		/* The last token's row tells that all of it was computed. */
		if (world->live[i]->next_row ==
			llm_sequence_n_prompt(world->live[i]->sequence) + world->live[i]->n_answer)
		{
			n_finished++;
			n_cached += llm_sequence_n_cached(world->live[i]->sequence);
			if (world->config.n_window_blocks > 0)
				n_window_cached += llm_sequence_n_cached(world->live[i]->sequence);
			if (world->live[i]->pins)
				world_pin(world, i);
			else
				world_remove(world, i);
		}
	}
}

/* Draft for some sequences that decode: what they will say, up to some token that is wrong. */
static void
draft(World *world)
{
	for (int32_t i = 0; i < world->n_live; i++)
	{
		Record *record = world->live[i];
		int32_t n_tokens = random_between(0, LLM_MAX_DRAFT);
		int32_t n_right = random_between(0, LLM_MAX_DRAFT);
		int32_t n_known = record->n_tokens;
		int32_t tokens[LLM_MAX_DRAFT];

		if (!record->begun || random_between(0, 99) >= world->draft_percent ||
			llm_sequence_n_computed(record->sequence) != record->n_tokens - 1)
			continue;
		for (int32_t t = 0; t < n_tokens; t++)
		{
			uint64_t answer = record->said[record->n_tokens - 1].answer;

			tokens[t] = t == n_right ? VOCABULARY : token_from(answer);
			record_token(world, record, tokens[t]);
		}
		memset(record->said + n_known, 0, (size_t) n_tokens * sizeof(Said));
		record->n_tokens = n_known;
		llm_sequence_draft(record->sequence, tokens, n_tokens,
						   (double) random_between(1, 100) / 100);
	}
}

/* What each sequence is about to do. */
static void
note_before(const World *world)
{
	for (int32_t i = 0; i < world->n_live; i++)
	{
		Record *record = world->live[i];
		int32_t n_computed = llm_sequence_n_computed(record->sequence);

		record->n_before = n_computed;
		record->n_preempted = llm_sequence_n_preempted(record->sequence);
		record->decodes = n_computed > 0 && !record->bulk &&
						  llm_sequence_n_tokens(record->sequence) - n_computed == 1;
	}
}

/*
 * Every interactive decode runs if the budget has room for all, but for the token that is kept for
 * bulk work; and bulk work moves.  But for what was preempted.
 */
static void
check_decodes_first(const World *world)
{
	int32_t room = world->config.max_step_tokens - (world->config.max_step_tokens > 1);
	int32_t n_decodes = 0, n_served = 0;
	bool bulk_runs = false, bulk_moves = false;

	for (int32_t i = 0; i < world->n_live; i++)
	{
		const Record *record = world->live[i];
		bool moves = llm_sequence_n_computed(record->sequence) > record->n_before;

		bulk_moves = bulk_moves || (moves && record->bulk);
		if (llm_sequence_n_preempted(record->sequence) > record->n_preempted)
		{
			n_preempted++;
			n_bulk_preempted += record->bulk;
			continue;
		}
		bulk_runs = bulk_runs || (record->bulk && record->n_before > 0);
		n_decodes += record->decodes;
		n_served += moves && record->decodes;
	}
	CHECK(n_served >= (n_decodes < room ? n_decodes : room));
	CHECK(!bulk_runs || bulk_moves || world->config.max_step_tokens == 1);
}

static bool
world_step(World *world)
{
	const LlmLogitRow *rows;
	const LlmBatchView *view;

	note_before(world);
	view = llm_scheduler_plan(world->scheduler, &rows);
	CHECK(llm_scheduler_check(world->scheduler));
	CHECK((view != NULL) == (world->n_live > 0));
	if (view == NULL)
		return false;
	CHECK(view_is_sound(world, view));
	copy_blocks(world, view);
	CHECK(store_tokens(world, view));
	llm_scheduler_commit(world->scheduler);
	CHECK(llm_scheduler_check(world->scheduler));
	check_decodes_first(world);
	for (int bulk = 0; bulk < 2; bulk++)
	{
		check_prefills(world, bulk);
		if (world->n_tenants == 0)
			check_nobody_overtaken(world, bulk);
	}
	if (world->timed)
		llm_scheduler_note_time(world->scheduler, random_between(1, 100) + 10 * view->n_tokens);
	use_rows(world, view, rows);
	CHECK(llm_scheduler_check(world->scheduler));
	draft(world);
	CHECK(llm_scheduler_check(world->scheduler));
	n_steps++;
	n_step_tokens += view->n_tokens;
	return true;
}

static void
run_episode(int32_t n_operations)
{
	World world = world_create();
	LlmSchedulerStatus status;
	int32_t add_percent = random_between(5, 60);

	for (int32_t i = 0; i < n_operations && unit_failed == 0; i++)
	{
		int32_t dice = random_between(0, 99);

		if (dice < add_percent)
			world_add(&world);
		else if (dice < add_percent + 2 && world.n_live > 0)
		{
			world_remove(&world, random_between(0, world.n_live - 1));
			CHECK(llm_scheduler_check(world.scheduler));
			n_cancelled++;
		}
		else if (dice == add_percent + 3 && world.n_pinned > 0)
			world_unpin(&world);
		else if (dice == add_percent + 2)
		{
			n_reset += llm_scheduler_reset_cache(world.scheduler);
			CHECK(llm_scheduler_check(world.scheduler));
		}
		else
			world_step(&world);
	}

	/* Mostly let all of them end, sometimes destroy the scheduler with sequences in it. */
	if (random_between(0, 4) > 0)
	{
		while (unit_failed == 0 && world_step(&world))
			;
		while (world.n_pinned > 0)
			world_unpin(&world);
		llm_scheduler_status(world.scheduler, &status);
		CHECK(world.n_live == 0 && status.running == 0 && status.waiting == 0);
		CHECK(status.kv_blocks_free + status.kv_blocks_cached == status.kv_blocks_total);
		CHECK(status.kv_blocks_cached == 0 || world.n_tenants > 0);
		CHECK(status.window_blocks_free + status.window_blocks_cached ==
			  status.window_blocks_total);
		CHECK(status.window_blocks_total ==
			  (world.config.window_only ? 0 : world.config.n_window_blocks));
		CHECK(status.kv_blocks_total ==
			  blocks_of(&world, world.config.window_only ? LLM_KV_WINDOW : LLM_KV_FULL));
	}
	world_destroy(&world);
}

/* ---- rows with one template ---- */

#define TEMPLATE_ROWS 1000
#define TEMPLATE_OWN 30

/* One more row that begins with text[n_template]. */
static void
add_template_row(World *world, const int32_t *text, int32_t n_template)
{
	int32_t n_prompt = n_template + TEMPLATE_OWN;
	Record *record = calloc(1, sizeof(*record));
	int32_t *tokens = calloc((size_t) n_prompt, sizeof(int32_t));
	LlmSequenceSpec spec = {.owner = record,
							.tokens = tokens,
							.n_tokens = n_prompt,
							.max_new_tokens = 4,
							.logits_from = n_prompt - 1,
							.bulk = true,
							.tenant = 1};

	record->said = calloc((size_t) n_prompt + 4, sizeof(Said));
	for (int32_t i = 0; i < n_prompt; i++)
	{
		tokens[i] = i < n_template ? text[i] : random_between(0, VOCABULARY - 1);
		record_token(world, record, tokens[i]);
	}
	record->arrival = ++world->last_arrival;
	record->n_answer = 4;
	record->logits_from = record->next_row = n_prompt - 1;
	record->bulk = true;
	CHECK(llm_scheduler_add(world->scheduler, &spec, &record->sequence, NULL) == LLM_OK);
	world->live[world->n_live++] = record;
	free(tokens);
}

/*
 * A thousand rows compute the template once, wherever its end lies in a KV block, and their own
 * tokens; little more.
 */
static void
check_template(int32_t n_template, int32_t window)
{
	World world = {.n_tenants = 1,
				   .config = {.max_sequences = 32,
							  .max_waiting = MAX_LIVE,
							  .max_step_tokens = 512,
							  .max_prefills = 4,
							  .max_logit_rows = 32,
							  .n_kv_blocks = 400,
							  .max_context = 1024,
							  .window = window,
							  .n_window_blocks = window > 0 ? 400 : 0}};
	size_t n_slots = (size_t) world.config.n_kv_blocks * LLM_KV_BLOCK;
	int64_t n_before = n_step_tokens, n_rows_before = n_rows_checked, n_prompt;
	int32_t text[600];

	for (int32_t i = 0; i < n_template; i++)
		text[i] = random_between(0, VOCABULARY - 1);
	for (int group = 0; group < LLM_KV_GROUPS; group++)
		world.kv[group] = calloc(n_slots, sizeof(int32_t));
	world.slot_written = calloc(n_slots, 1);
	CHECK(llm_scheduler_create(&world.config, &world.scheduler, NULL) == LLM_OK);
	for (int32_t row = 0; (row < TEMPLATE_ROWS || world.n_live > 0) && unit_failed == 0;)
	{
		for (; row < TEMPLATE_ROWS && world.n_live < MAX_LIVE; row++)
			add_template_row(&world, text, n_template);
		world_step(&world);
	}

	/* Every row of logits but the first of each sequence is that of a decoded token. */
	n_prompt = n_step_tokens - n_before - (n_rows_checked - n_rows_before - TEMPLATE_ROWS);
	printf("template of %d tokens: %" PRId64 " prompt tokens computed\n", (int) n_template,
		   n_prompt);
	CHECK(100 * n_prompt <= 105 * (int64_t) (n_template + TEMPLATE_ROWS * TEMPLATE_OWN));
	world_destroy(&world);
}

static int64_t
number_from_environment(const char *name, int64_t otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? strtoll(value, NULL, 10) : otherwise;
}

int
main(void)
{
	uint64_t seed = (uint64_t) number_from_environment("LLM_TEST_SEED", 20260101);
	int64_t n_operations = number_from_environment("LLM_TEST_OPERATIONS", 200000);

	printf("seed %" PRIu64 ", %" PRId64 " operations\n", seed, n_operations);
	rng_state = seed;
	for (int64_t done = 0; done < n_operations && unit_failed == 0; done += EPISODE_OPERATIONS)
		run_episode(EPISODE_OPERATIONS);
	check_template(512, 0);
	check_template(519, 0);
	check_template(527, 0);
	check_template(519, 100);
	printf("%" PRId64 " steps, %" PRId64 " rows, %" PRId64 " finished, %" PRId64
		   " cancelled, %" PRId64 " prompt tokens cached, %" PRId64 " copied\n",
		   n_steps, n_rows_checked, n_finished, n_cancelled, n_cached, n_copied);
	printf("%" PRId64 " drafted tokens accepted, %" PRId64 " rows void, %" PRId64
		   " of them wrong\n",
		   n_accepted, n_void, n_void_differ);
	printf("%" PRId64 " preempted, %" PRId64 " of them bulk work\n", n_preempted, n_bulk_preempted);
	CHECK(n_pins > 0 && n_pins_refused > 0);
	CHECK(n_preempted > n_bulk_preempted && n_bulk_preempted > 0 && n_reset > 0);
	CHECK(n_rows_checked > 0 && n_finished > 0 && n_cancelled > 0 && n_cached > 0 && n_copied > 0);
	printf("%" PRId64 " prompt tokens cached in models with windows\n", n_window_cached);
	CHECK(n_window_cached > 0 && n_window_cached < n_cached);
	CHECK(n_window_copied > 0 && n_window_copied < n_copied);
	CHECK(n_accepted > 0 && n_void_differ > 0 && 5 * n_void_differ > 4 * n_void);
	return unit_done("scheduler_random");
}
