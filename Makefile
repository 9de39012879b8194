# Makefile: builds, installs and tests intrex_auth with PGXS.
#
#	make                 build the module and its install script
#	make install         install into the PostgreSQL of PG_CONFIG
#	make installcheck    test/sql on one's own running server (needs pgTAP there), which it leaves as it was
#	make unit            unit tests of src/core, no server needed
#	make fuzz            fuzz src/core by libFuzzer, FUZZ_SECONDS=30 for each target (clang)
#	make asan            the module for a server that runs under ASan and UBSan
#	make check-asan      the tests in private servers under ASan and UBSan
#	make check-valgrind  those of test/sql under valgrind
#	make format          lay out the C sources as pgindent does; make format-check compares
#	make clean           remove everything that was generated
#
# `make WERROR=1` adds -Wall -Wextra -Werror. Every test layer in a private
# server: ./check. The version stands in intrex_auth.control alone.

EXTENSION = intrex_auth
MODULE_big = intrex_auth
EXTVERSION := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" intrex_auth.control)
PGFILEDESC = "intrex_auth - authentication and authorization"

CORE_SOURCES := $(sort $(wildcard src/core/*.c))
CORE_OBJS := $(CORE_SOURCES:.c=.o)
SERVER_OBJS := $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
OBJS = $(SERVER_OBJS) $(CORE_OBJS)
ALL_HEADERS := $(wildcard src/*.h src/core/*.h)

# The modules of sql/, concatenated in the order of their names.
MODULES_SQL := $(sort $(wildcard sql/[0-9][0-9]_*.sql))
INSTALL_SCRIPT_SQL = $(EXTENSION)--$(EXTVERSION).sql
DATA_built = $(INSTALL_SCRIPT_SQL)
DATA = $(sort $(wildcard sql/updates/$(EXTENSION)--*--*.sql)) data/intrex_auth_common_passwords.txt

# Builds filters of leaked passwords; goes where the server's programs are.
LEAKED_FILTER = intrex_auth_leaked_filter
SCRIPTS_built = $(LEAKED_FILTER)

# pg_regress takes test/sql and, because the output stays here, expected/. On a server of
# one's own, tests that say "-- Changes the key ring." are left out: ./check runs them.
REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(shell grep -L '^-- Changes the key ring\.$$' test/sql/*.sql)))
NO_INSTALLCHECK = 1
REGRESS_OPTS = --inputdir=test --load-extension=pgtap --load-extension=$(EXTENSION)

# Nothing leaves the library but what the server looks up. PostgreSQL 15 leaves
# PGDLLEXPORT empty unless it is defined; later versions define it just so.
PG_CPPFLAGS = -Isrc -DINTREX_AUTH_VERSION='"$(EXTVERSION)"' \
	-DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS = -fvisibility=hidden
SHLIB_LINK += -lcrypto -lcrypt -lsodium -largon2

EXTRA_CLEAN = $(EXTENSION)--*.sql .build_flags test/log output_iso results \
	regression.diffs regression.out $(wildcard src/*.o src/core/*.o) test/unit/build test/fuzz/build

# Bitcode would need the very clang that PostgreSQL was built with.
override with_llvm := no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

ifdef WERROR
# -Wextra is for our code: these two are set off by inline functions in the
# headers of the server. The core, which includes none of them, has both.
SERVER_WARNINGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare
CORE_WARNINGS = -Wall -Wextra -Werror -Wshadow
endif

# PostgreSQL records the options of the compiler it was built with; another
# compiler may not know some of them, and that is no fault of our code.
ifneq (,$(findstring clang,$(CC)))
COMPILER_CFLAGS = -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes
endif
override CFLAGS += $(COMPILER_CFLAGS)

$(SERVER_OBJS): override CFLAGS += $(SERVER_WARNINGS)

# The core is compiled without the include path of the server, so that it
# cannot come to need one.
$(CORE_OBJS): %.o: %.c
	$(CC) $(CFLAGS) $(CORE_WARNINGS) -D_GNU_SOURCE $(filter -D_FORTIFY_SOURCE%,$(CPPFLAGS)) -Isrc -c -o $@ $<

$(LEAKED_FILTER): tools/$(LEAKED_FILTER).c $(addprefix src/core/,leaked.o leakedbuild.o mem.o status.o) $(ALL_HEADERS) .build_flags
	$(CC) $(CFLAGS) $(CORE_WARNINGS) -D_GNU_SOURCE -Isrc -o $@ $(filter %.c %.o,$^) $(LDFLAGS) -lcrypto

# Every object depends on every header, and on how it is compiled: a change of
# server version, compiler or options rebuilds.
$(OBJS): $(ALL_HEADERS) .build_flags

BUILD_FLAGS := $(shell $(PG_CONFIG) --version --pkglibdir | tr '\n' ' ') $(CC) $(CFLAGS) $(SERVER_WARNINGS) $(CPPFLAGS)
ifneq ($(strip $(BUILD_FLAGS)),$(strip $(shell cat .build_flags 2>/dev/null)))
.PHONY: .build_flags
endif
.build_flags:
	@printf '%s\n' $(call shell_quote,$(BUILD_FLAGS)) > $@

shell_quote = '$(subst ','\'',$(1))'

# The sources say CREATE OR REPLACE, so that an update script can run them
# again. The install script must not replace what somebody planted before it:
# every statement that begins a line loses its OR REPLACE (CVE-2022-2625).
$(INSTALL_SCRIPT_SQL): $(MODULES_SQL) $(EXTENSION).control Makefile
	@test -n "$(EXTVERSION)" || { echo "no default_version in $(EXTENSION).control" >&2; exit 1; }
	@test -n "$(MODULES_SQL)" || { echo "no modules in sql/" >&2; exit 1; }
	sed -e 's/^CREATE OR REPLACE /CREATE /' $(MODULES_SQL) > $@.tmp
	mv $@.tmp $@

.PHONY: installcheck unit fuzz asan check-asan check-valgrind format format-check

installcheck:
	dev/installcheck '$(bindir)/psql' $(top_builddir)/src/test/regress/pg_regress --bindir='$(bindir)' $(REGRESS_OPTS) $(REGRESS)

unit:
	$(MAKE) -C test/unit check

# Under ASan and UBSan; test/fuzz/Makefile says more.  ./check fuzz replays the seeds.
FUZZ_SECONDS = 30

fuzz:
	$(MAKE) -C test/fuzz fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)

# The module under sanitizers, for a server of one's own.  That has to be started
# with the runtime preloaded, and what dev/asan_first.c says; check-asan does it.
ASAN_COPT = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

asan:
	$(MAKE) all COPT="$(ASAN_COPT)"

# The whole regression in private servers under ASan and UBSan, and that of SQL
# under valgrind.  Clean means: every test passes, and no tool wrote a word.
check-asan:
	SANITIZE=1 ./check sql
	SANITIZE=1 ./check spec
	SANITIZE=1 ./check tap

check-valgrind:
	VALGRIND=1 ./check sql

# pgindent's way; .clang-format only brings an editor near to it.
FORMATTED := $(sort $(wildcard src/*.[ch] src/core/*.[ch] tools/*.c test/unit/*.[ch] test/fuzz/*.[ch]))

format:
	dev/indent $(FORMATTED)

format-check:
	dev/indent --check $(FORMATTED)
