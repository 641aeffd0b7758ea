/*
 * test_memory.c
 *	  The limit on the memory of loaded models: what a model takes is known before it is loaded,
 *	  idle models make room, those with pinned prefixes do not, busy ones are waited for, and what
 *	  left gives its memory back.
 *
 * Models: the random one of test_engine.c under several lengths of context, which are models of
 * their own; and SmolLM2 (LLM_TEST_MODEL) for memory that a process can be seen to have.
 */
#include "engine_peer.h"
#include "engine/loaded_model.h"
#include "engine/memory.h"
#include "made_file.h"

#include <signal.h>

static const char *model_path;

/* ---- sizes ---- */

static void
check_size(const char *path, LlmEngineDevice device, LlmWeightForm form, LlmKvType kv_type)
{
	LlmEngineConfig config = peer_config(device);
	LlmModelRef ref = {.path = llm_strview(path), .weight_form = form, .kv_type = kv_type};
	LlmVocabulary *vocabulary;
	LlmInspection inspection;
	LlmLoadedModel *loaded;
	uint64_t n_bytes = 0;
	LlmError err;

	config = llm_engine_config_normalise(&config);
	if (!CHECK(llm_vocabulary_open(path, &vocabulary, &err) == LLM_OK))
		return;
	if (llm_inspection_run(vocabulary, &ref, &inspection, &err) != LLM_OK)
	{
		/* Heads that are too narrow for this type of KV cache. */
		CHECK_MSG(kv_type == LLM_KV_Q8_0, "%s", err.message);
		llm_vocabulary_close(vocabulary);
		return;
	}
	CHECK(llm_loaded_model_size(vocabulary, &inspection, &ref, &config, &n_bytes, &err) == LLM_OK);
	if (CHECK(llm_loaded_model_create(vocabulary, &inspection, &ref, &config, &loaded, &err) ==
			  LLM_OK))
	{
		CHECK_MSG(loaded->n_bytes == n_bytes && n_bytes > 0, "%llu bytes, not %llu",
				  (unsigned long long) loaded->n_bytes, (unsigned long long) n_bytes);
		llm_loaded_model_destroy(loaded);
	}
	llm_vocabulary_close(vocabulary);
}

static void
check_sizes(const char *path)
{
	for (int form = LLM_WEIGHTS_NATIVE; form <= LLM_WEIGHTS_F32; form++)
		for (int kv_type = LLM_KV_F16; kv_type <= LLM_KV_Q8_0; kv_type++)
		{
			check_size(path, LLM_DEVICE_CPU, (LlmWeightForm) form, (LlmKvType) kv_type);
			check_size(path, LLM_DEVICE_REF, (LlmWeightForm) form, (LlmKvType) kv_type);
		}
}

/* ---- the engine ---- */

static LlmEngineConfig
small_config(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_CPU);

	config.kv_cache_bytes = 1 << 20;
	config.max_sequences = 4;
	return config;
}

static void
ask(Peer *peer, uint64_t id, uint32_t context_length, uint32_t max_tokens)
{
	LlmChatTurn turn;
	LlmRequest request = peer_generate(model_path, "x", max_tokens, &turn);

	request.model.context_length = context_length;
	request.generate.raw = true;
	request.generate.ignore_eos = true;
	peer_request(peer, id, &request);
}

static uint64_t
count_bytes(const Peer *peer)
{
	uint64_t n_bytes = 0;

	for (uint32_t i = 0; i < peer->status.n_models; i++)
		n_bytes += peer->status.models[i].loaded_bytes;
	return n_bytes;
}

/* The loaded model with this context, by the latest status, or NULL. */
static const LlmModelStatus *
find(const Peer *peer, uint32_t context_length)
{
	for (uint32_t i = 0; i < peer->status.n_models; i++)
		if (peer->status.models[i].state == LLM_MODEL_LOADED &&
			peer->status.models[i].context_length == context_length)
			return &peer->status.models[i];
	return NULL;
}

/* Receive for three intervals of the status, of which the last is what came of it all. */
static void
settle(Peer *peer)
{
	for (int i = 0; i < 6; i++)
		peer_receive(peer, 50);
}

/* The same, and longer until the condition holds: a stalled machine sends it late. */
#define SETTLES(peer, condition) (settle(peer), PEER_UNTIL(peer, condition))

static bool
answered(Peer *peer, uint64_t id)
{
	return CHECK_MSG(peer_wait(peer, id, PEER_PATIENCE_MS) && !peer->answers[id].failed,
					 "request %d: %s", (int) id,
					 peer->answers[id].failed ? peer->answers[id].error.message : "none");
}

/* Bytes of a model with so many tokens of context. */
static uint64_t
measure(uint32_t context_length)
{
	LlmEngineConfig config = small_config();
	uint64_t n_bytes = 0;
	Peer peer;

	if (!peer_start(&peer, &config))
		return 0;
	ask(&peer, 1, context_length, 4);
	answered(&peer, 1);
	CHECK(SETTLES(&peer, peer.status.n_evictions == 0));
	if (CHECK(find(&peer, context_length) != NULL))
		n_bytes = find(&peer, context_length)->loaded_bytes;
	peer_stop(&peer);
	return n_bytes;
}

/* Three models in turns where two have room: the least recently used one leaves. */
static void
check_turns(uint64_t n_bytes)
{
	LlmEngineConfig config = small_config();
	char first[4096];
	uint64_t id = 1;
	Peer peer;

	config.memory_bytes = n_bytes * 5 / 2;
	if (!peer_start(&peer, &config))
		return;
	for (int round = 0; round < 4; round++)
		for (uint32_t context = 64; context < 67; context++, id++)
		{
			LlmStrView text;

			ask(&peer, id, context, 8);
			if (!answered(&peer, id))
				continue;
			CHECK(count_bytes(&peer) <= config.memory_bytes && peer.status.n_models <= 2);
			text = peer_result(&peer, id).text;
			if (id == 1)
				snprintf(first, sizeof(first), "%.*s", LLM_STRVIEW_ARG(text));
			CHECK(llm_strview_is(text, first));
		}
	CHECK_MSG(SETTLES(&peer, peer.status.n_evictions == 10), "%d evictions",
			  (int) peer.status.n_evictions);
	CHECK(find(&peer, 64) == NULL && find(&peer, 65) != NULL && find(&peer, 66) != NULL);
	CHECK(find(&peer, 65)->last_used_us > 1600000000 * (uint64_t) 1000000 &&
		  find(&peer, 66)->last_used_us > find(&peer, 65)->last_used_us);

	/* Not the oldest, but the one that was used before the others. */
	ask(&peer, 100, 65, 8);
	answered(&peer, 100);
	ask(&peer, 101, 64, 8);
	answered(&peer, 101);
	CHECK(SETTLES(&peer,
				  find(&peer, 64) != NULL && find(&peer, 65) != NULL && find(&peer, 66) == NULL));
	peer_stop(&peer);
}

/* A model larger than the limit is refused with the numbers, and harms nobody. */
static void
check_too_large(uint64_t n_bytes)
{
	LlmEngineConfig config = small_config();
	LlmRequest request = peer_model_request(LLM_REQUEST_TOKENIZE, model_path);
	Peer peer;

	config.memory_bytes = n_bytes - 1;
	if (!peer_start(&peer, &config))
		return;
	ask(&peer, 1, 64, 8);
	ask(&peer, 2, 64, 8);
	for (uint64_t id = 1; id <= 2; id++)
	{
		CHECK(peer_wait(&peer, id, PEER_PATIENCE_MS) && peer.answers[id].failed);
		CHECK(peer.answers[id].error.status == LLM_ERR_LIMIT);
		CHECK(strstr(peer.answers[id].error.message, " MB of the ") != NULL);
		CHECK(strstr(peer.answers[id].error.hint, "postgres_llm.engine_memory") != NULL);
	}
	CHECK(SETTLES(&peer,
				  peer.status.n_models == 1 && peer.status.models[0].state == LLM_MODEL_FAILED));
	request.model.context_length = 64;
	request.tokenize.text = llm_strview("tokens need no weights");
	peer_request(&peer, 3, &request);
	answered(&peer, 3);
	peer_stop(&peer);
}

/*
 * Room for one: another waits while the first is busy, can be cancelled, and has its turn when the
 * first has nothing more to do.
 */
static void
check_waiting(uint64_t n_bytes)
{
	LlmEngineConfig config = small_config();
	const uint64_t first = 100, n_first = 60;
	Peer peer;

	config.memory_bytes = measure(512) + n_bytes / 2;
	if (!peer_start(&peer, &config))
		return;
	ask(&peer, 1, 512, 8);
	answered(&peer, 1);
	for (uint64_t id = first; id < first + n_first; id++)
		ask(&peer, id, 512, 500);
	ask(&peer, 2, 64, 8);
	ask(&peer, 3, 65, 8);
	peer_send(&peer, LLM_FRAME_CANCEL, 2, NULL, 0);
	CHECK(peer_wait(&peer, 2, PEER_PATIENCE_MS) && peer.answers[2].failed);
	CHECK(peer.answers[2].error.status == LLM_ERR_CANCELLED);
	answered(&peer, 3);
	for (uint64_t id = first; id < first + n_first; id++)
		CHECK(peer.answers[id].done && !peer.answers[id].failed);
	CHECK(SETTLES(&peer,
				  find(&peer, 512) == NULL && find(&peer, 64) == NULL && find(&peer, 65) != NULL));
	CHECK(peer.status.n_evictions == 1);
	peer_stop(&peer);
}

/* Room for one, and a first model that is never idle: it is drained, and comes back. */
static void
check_drain(uint64_t n_bytes)
{
	LlmEngineConfig config = small_config();
	int64_t until = llm_clock_now_us() + PEER_PATIENCE_MS * INT64_C(1000);
	bool came_back = false;
	Peer peer;

	config.memory_bytes = n_bytes * 3 / 2;
	if (!peer_start(&peer, &config))
		return;
	for (uint64_t id = 10; id < 13; id++)
		ask(&peer, id, 65, 40);
	ask(&peer, 1, 64, 8);
	while (!peer.gone && llm_clock_now_us() < until && !(peer.answers[1].done && came_back))
	{
		bool was_done = peer.answers[1].done;

		peer_receive(&peer, 50);
		for (uint64_t id = 10; id < 13; id++)
			if (peer.answers[id].done)
			{
				came_back |= was_done;
				CHECK(!peer.answers[id].failed);
				ask(&peer, id, 65, 40);
			}
	}
	CHECK(peer.answers[1].done && !peer.answers[1].failed && came_back);
	CHECK(count_bytes(&peer) <= config.memory_bytes);
	peer_stop(&peer);
}

/* ---- pinned prefixes ---- */

static void
ask_pin(Peer *peer, uint64_t id, LlmRequestKind kind, uint32_t context_length)
{
	LlmChatTurn turn;
	LlmRequest request = peer_generate(model_path, "a prefix of some KV blocks stays", 1, &turn);

	request.kind = kind;
	request.pin_name = llm_strview("stays");
	request.model.context_length = context_length;
	request.model.tenant = 1;
	request.generate.raw = true;
	peer_request(peer, id, &request);
}

/* Room for two: a third one has the room of the one without pins, used when it may be. */
static void
check_pinned(uint64_t n_bytes)
{
	LlmEngineConfig config = small_config();
	Peer peer;

	config.memory_bytes = n_bytes * 5 / 2;
	if (!peer_start(&peer, &config))
		return;
	ask_pin(&peer, 1, LLM_REQUEST_PIN, 64);
	answered(&peer, 1);
	for (uint64_t id = 2; id < 8; id++)
	{
		ask(&peer, id, 65 + id % 2, 8);
		answered(&peer, id);
	}
	CHECK(SETTLES(&peer, peer.status.n_evictions == 5));
	CHECK(find(&peer, 64) != NULL && find(&peer, 65) == NULL && find(&peer, 66) != NULL);
	CHECK(find(&peer, 64) != NULL && find(&peer, 64)->kv_blocks_pinned > 0);

	/* With a pin in each there is no room at all, which is said at once. */
	ask_pin(&peer, 8, LLM_REQUEST_PIN, 66);
	answered(&peer, 8);
	ask(&peer, 9, 65, 8);
	CHECK(peer_wait(&peer, 9, PEER_PATIENCE_MS) && peer.answers[9].failed);
	CHECK(peer.answers[9].error.status == LLM_ERR_LIMIT);
	CHECK(strstr(peer.answers[9].error.message, "pinned prefixes hold") != NULL);
	CHECK(strstr(peer.answers[9].error.hint, "llm.unpin_prefix()") != NULL);
	CHECK(SETTLES(&peer, peer.status.n_evictions == 5 && find(&peer, 64) != NULL &&
							 find(&peer, 66) != NULL));

	/* Unpinned it leaves like any other. */
	ask_pin(&peer, 10, LLM_REQUEST_UNPIN, 64);
	answered(&peer, 10);
	ask(&peer, 11, 65, 8);
	answered(&peer, 11);
	CHECK(SETTLES(&peer, peer.status.n_evictions == 6));
	CHECK(find(&peer, 64) == NULL && find(&peer, 65) != NULL && find(&peer, 66) != NULL);
	peer_stop(&peer);
}

/* A model that is drained gets a pin by a request that ran already: it is not drained any more. */
static void
check_pinned_while_drained(void)
{
	static LlmEngine engine;
	static LlmLoadedModel loaded;
	LlmModelEntry *drained = &engine.models[0], *successor = &engine.models[1];

	for (int n_pins = 0; n_pins < 2; n_pins++)
	{
		drained->key = 1;
		drained->loaded = &loaded;
		drained->pins.n = n_pins;
		successor->waits_for_memory = true;
		engine.drained = drained;
		engine.drained_for = successor;
		llm_memory_begin_turn(&engine);
		CHECK(engine.drained == (n_pins == 0 ? drained : NULL));
	}
}

/* ---- memory of the process ---- */

static uint64_t
resident_bytes(pid_t pid)
{
	unsigned long long n_total = 0, n_pages = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int) pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu %llu", &n_total, &n_pages) != 2)
		n_pages = 0;
	fclose(file);
	return n_pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* A large model leaves for a small one, and its memory goes back to the system. */
static void
check_resident(const char *large)
{
	LlmEngineConfig config = small_config();
	LlmRequest request = peer_model_request(LLM_REQUEST_LOAD, large);
	uint64_t before, with, after;
	Peer peer;

	config.memory_bytes = (uint64_t) 400 << 20;
	config.kv_cache_bytes = 16 << 20;
	config.max_step_tokens = 64;
	if (!peer_start(&peer, &config))
		return;
	before = resident_bytes(peer.pid);
	peer_request(&peer, 1, &request);
	answered(&peer, 1);
	with = resident_bytes(peer.pid);
	CHECK(SETTLES(&peer, peer.status.n_models == 1 && count_bytes(&peer) <= config.memory_bytes));

	/* As float it is four times as large: the two do not fit beside each other, nor this one. */
	request.model.weight_form = LLM_WEIGHTS_F32;
	peer_request(&peer, 2, &request);
	CHECK(peer_wait(&peer, 2, PEER_PATIENCE_MS) && peer.answers[2].failed);
	request = peer_model_request(LLM_REQUEST_UNLOAD, large);
	peer_request(&peer, 3, &request);
	answered(&peer, 3);
	after = resident_bytes(peer.pid);
	printf("resident: %d MB, %d MB with the model, %d MB after it\n", (int) (before >> 20),
		   (int) (with >> 20), (int) (after >> 20));
	CHECK(before > 0 && with > before + ((uint64_t) 80 << 20));
	CHECK_MSG(after < before + ((uint64_t) 24 << 20), "%d MB stay", (int) ((after - before) >> 20));
	peer_stop(&peer);
}

int
main(void)
{
	const char *smollm = getenv("LLM_TEST_MODEL");
	char tiny[4096];
	uint64_t n_bytes;

	signal(SIGPIPE, SIG_IGN);
	check_pinned_while_drained();
	if (made_file_find("tiny.gguf", tiny))
	{
		model_path = tiny;
		check_sizes(tiny);
		n_bytes = measure(64);
		check_turns(n_bytes);
		check_too_large(n_bytes);
		check_waiting(n_bytes);
		check_drain(n_bytes);
		check_pinned(n_bytes);
	}
	else
		SKIP("no tiny.gguf in LLM_TEST_GOLDEN");
#ifdef __SANITIZE_ADDRESS__
	smollm = NULL; /* a sanitizer keeps what was freed */
#endif
	if (smollm != NULL && access(smollm, R_OK) == 0)
	{
		check_size(smollm, LLM_DEVICE_CPU, LLM_WEIGHTS_NATIVE, LLM_KV_F16);
		check_resident(smollm);
	}
	else
		SKIP("no SmolLM2 in LLM_TEST_MODEL, or a sanitizer");
	return unit_done("memory");
}
