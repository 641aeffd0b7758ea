# plain.mk: the floors that know nothing of PostgreSQL, built once per VARIANT into .build/.
#
#   VARIANT=release   what is installed
#   VARIANT=debug     assertions, no optimisation
#   VARIANT=asan      assertions, AddressSanitizer and UndefinedBehaviorSanitizer
#
# Everything links from one archive, $(PLAIN_LIB); programs are src/engine/main.c and the tests.

VARIANT ?= release
BUILD = .build/$(VARIANT)
PLAIN_CC ?= gcc
WERROR ?=

PLAIN_CFLAGS_release = -O2 -g -DNDEBUG
PLAIN_CFLAGS_debug = -O0 -g
PLAIN_CFLAGS_asan = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

# No contraction: a multiply and an add are fused only where the source says fmaf.
PLAIN_CFLAGS = -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes $(WERROR) -fPIC \
	-fvisibility=hidden -ffp-contract=off -pthread -Isrc -I. $(PLAIN_CFLAGS_$(VARIANT)) \
	$(SANITIZE_COVERAGE)
PLAIN_LDLIBS = -lm -pthread

PLAIN_ROOMS = src/base src/protocol src/gguf src/tokenizer src/template src/scheduler src/model \
	src/engine kernels kernels/ref kernels/cpu
PLAIN_SOURCES = $(filter-out src/engine/main.c,$(wildcard $(addsuffix /*.c,$(PLAIN_ROOMS))))

# Of kernels/cpu, these are compiled once; every other file once per SIMD level.
CPU_ONCE = $(wildcard $(addprefix kernels/cpu/,device.c cpuid.c kv_copy.c threadpool.c \
	repack.c weight_store.c))
CPU_SIMD = $(filter-out $(CPU_ONCE),$(filter kernels/cpu/%,$(PLAIN_SOURCES)))
SIMD_LEVELS = portable
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
SIMD_LEVELS += avx2 avx512
endif
# Optimised and with sanitizers, the portable level takes minutes to compile.
SIMD_OPT = $(if $(filter release,$(VARIANT)),-O3)
SIMD_FLAGS_portable = $(if $(filter release,$(VARIANT)),,-O0 $(TEST_FMA))
SIMD_FLAGS_avx2 = -mavx2 -mfma -mf16c
SIMD_FLAGS_avx512 = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c

PLAIN_OBJS = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(CPU_SIMD),$(PLAIN_SOURCES))) \
	$(foreach level,$(SIMD_LEVELS),$(patsubst %.c,$(BUILD)/%.$(level).o,$(CPU_SIMD)))
PLAIN_LIB = $(BUILD)/libpostgres_llm_engine.a

$(PLAIN_LIB): $(PLAIN_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(PLAIN_CC) $(PLAIN_CFLAGS) -MMD -MP -c -o $@ $<

# With sanitizers most of a test's time was the reference's, and a third of that calls of fmaf.  What
# is built for tests may use the instruction of the machine that builds it; the bits are the same.
ifeq ($(VARIANT),asan)
TEST_FMA := $(if $(shell grep -som1 '\<fma\>' /proc/cpuinfo),-mfma)
$(BUILD)/kernels/ref/%.o: PLAIN_CFLAGS += -O2 $(TEST_FMA)
endif

define simd_rule
$(BUILD)/kernels/cpu/%.$(1).o: kernels/cpu/%.c
	@mkdir -p $$(@D)
	$$(PLAIN_CC) $$(PLAIN_CFLAGS) $$(SIMD_OPT) $$(SIMD_FLAGS_$(1)) -DLLM_SIMD=$(1) -DLLM_SIMD_$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach level,$(SIMD_LEVELS),$(eval $(call simd_rule,$(level))))

ENGINE = $(BUILD)/postgres_llm_engine
engine: $(ENGINE)
$(BUILD)/src/engine/main.o: PLAIN_CFLAGS += -DLLM_VERSION='"$(EXTVERSION)"'
$(ENGINE): $(BUILD)/src/engine/main.o $(PLAIN_LIB)
	$(PLAIN_CC) $(PLAIN_CFLAGS) -o $@ $^ $(PLAIN_LDLIBS)

-include $(shell find .build -name '*.d' 2>/dev/null)
