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
	$(PLAIN_CC) $(PLAIN_CFLAGS) -Itest/unit -MMD -MP -MF $@.d -MT $@ -o $@ $< $(PLAIN_LIB) $(PLAIN_LDLIBS)

unit: $(UNIT_PROGRAMS)
	@status=0; for program in $^; do $$program || status=1; done; exit $$status

check-kernels: $(KERNEL_PROGRAMS)
	@status=0; for program in $^; do $$program || status=1; done; exit $$status

.PHONY: unit check-kernels
