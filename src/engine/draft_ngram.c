/*
 * draft_ngram.c
 *	  Drafts from the sequence itself; see draft_ngram.h.
 *
 * The match is an earlier place in the sequence that is preceded by the same tokens as its end; the
 * draft is what stands there.  While the sequence goes on as the match said, the match moves along
 * with it and stays the longest there is: an earlier place that matches longer now would have
 * matched longer before.  Only when it fails a new one is searched.
 *
 * The index is that of LZ77 compressors.  Every place is in the chain of the hash of the MIN_MATCH
 * tokens before it, the latest first; head[] has the first of each chain, older[] leads on.  A
 * search looks at MAX_CANDIDATES places of one chain and compares MAX_COMPARED tokens at each, so
 * a token costs O(1), and memory is two numbers per token.
 *
 * How far a match can be trusted is learned from every token that is drawn, computed drafts or not:
 * the match either foretold it or did not.  So a drafter whose drafts do not pay costs nothing and
 * still notices when they would.
 */
#include "engine/draft_ngram.h"

#include "base/assert.h"

#include <stdlib.h>

#define MIN_MATCH 2 /* tokens; one alone foretells little */
#define MAX_CANDIDATES 16
#define MAX_COMPARED 32

/* Matches of 2, 3 to 4, 5 to 8 and more tokens. */
#define N_CLASSES 4

/* What is believed of each class before anything is known, and the weight of a new token. */
static const double first_rates[N_CLASSES] = {0.4, 0.55, 0.7, 0.8};
#define NEWS 0.125

/* Nothing is certain. */
#define MAX_CHANCE 0.98

typedef struct NgramDrafter
{
	LlmDrafter base;
	int32_t n_prompt;
	int32_t max_tokens;
	int32_t n_seen;			 /* tokens in the index */
	int32_t match;			 /* place of the token that should come next; 0: none */
	int32_t length;			 /* tokens before it that are those at the end; as far as compared */
	double rates[N_CLASSES]; /* how often a match of the class was right */
	uint32_t hash_mask;
	int32_t *head;	 /* [hash_mask + 1] the latest place with this hash; 0: none */
	int32_t older[]; /* [max_tokens + 1] the place before it in its chain; head lies behind */
} NgramDrafter;

static int
class_of(int32_t length)
{
	return length <= 2 ? 0 : length <= 4 ? 1 : length <= 8 ? 2 : 3;
}

/* The chain of the place behind the first n_tokens tokens. */
static int32_t *
chain_of(const NgramDrafter *drafter, const int32_t *tokens, int32_t n_tokens)
{
	uint64_t hash = 0;

	for (int32_t i = n_tokens - MIN_MATCH; i < n_tokens; i++)
		hash = (hash ^ (uint32_t) tokens[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return &drafter->head[(uint32_t) (hash >> 32) & drafter->hash_mask];
}

/* Find the longest match of the end of tokens[n_tokens], of equally long ones the latest. */
static void
search(NgramDrafter *drafter, const int32_t *tokens, int32_t n_tokens, int32_t place)
{
	drafter->match = 0;
	drafter->length = MIN_MATCH - 1;
	for (int i = 0; i < MAX_CANDIDATES && place != 0; i++, place = drafter->older[place])
	{
		int32_t n = 0;

		while (n < MAX_COMPARED && n < place && tokens[place - 1 - n] == tokens[n_tokens - 1 - n])
			n++;
		if (n > drafter->length)
		{
			drafter->match = place;
			drafter->length = n;
		}
	}
}

/* The match foretold this token, or not. */
static void
judge_match(NgramDrafter *drafter, const int32_t *tokens, int32_t token)
{
	double *rate = &drafter->rates[class_of(drafter->length)];
	bool right = tokens[drafter->match] == token;

	*rate += NEWS * (right - *rate);
	if (right)
	{
		drafter->match++;
		drafter->length++;
	}
	else
		drafter->match = 0;
}

/* Take in tokens[i], the first that is not in the index. */
static void
take_token(NgramDrafter *drafter, const int32_t *tokens, int32_t i)
{
	int32_t place = i + 1;
	int32_t *chain;

	if (drafter->match != 0)
		judge_match(drafter, tokens, tokens[i]);
	drafter->n_seen = place;
	if (place < MIN_MATCH)
		return;
	chain = chain_of(drafter, tokens, place);

	/* A prompt is not foretold: it is there. */
	if (drafter->match == 0 && place >= drafter->n_prompt)
		search(drafter, tokens, place, *chain);
	drafter->older[place] = *chain;
	*chain = place;
}

static void
propose(LlmDrafter *base, const int32_t *tokens, int32_t n_tokens, LlmDraft *out)
{
	NgramDrafter *drafter = (NgramDrafter *) base;

	LLM_ASSERT(n_tokens >= drafter->n_seen && n_tokens <= drafter->max_tokens);
	while (drafter->n_seen < n_tokens)
		take_token(drafter, tokens, drafter->n_seen);
	out->n_tokens = 0;
	if (drafter->match == 0)
		return;

	/* Behind the end the draft repeats itself: then the sequence runs in a circle. */
	for (int32_t i = 0, from = drafter->match; i < LLM_MAX_DRAFT; i++, from++)
		out->tokens[i] = from < n_tokens ? tokens[from] : out->tokens[from - n_tokens];
	out->n_tokens = LLM_MAX_DRAFT;
	out->chance = drafter->rates[class_of(drafter->length)];
	if (out->chance > MAX_CHANCE)
		out->chance = MAX_CHANCE;
}

static void
destroy(LlmDrafter *base)
{
	free(base);
}

static const LlmDrafterOps ngram_ops = {propose, destroy};

LlmDrafter *
llm_draft_ngram_create(int32_t n_prompt, int32_t max_tokens)
{
	size_t n_places = (size_t) max_tokens + 1;
	size_t n_heads = 64;
	NgramDrafter *drafter;

	while (n_heads < n_places)
		n_heads *= 2;
	drafter = calloc(1, sizeof(*drafter) + (n_places + n_heads) * sizeof(int32_t));
	if (drafter == NULL)
		return NULL;
	drafter->base.ops = &ngram_ops;
	drafter->n_prompt = n_prompt;
	drafter->max_tokens = max_tokens;
	drafter->hash_mask = (uint32_t) (n_heads - 1);
	drafter->head = drafter->older + n_places;
	for (int i = 0; i < N_CLASSES; i++)
		drafter->rates[i] = first_rates[i];
	return &drafter->base;
}
