# SPDX-License-Identifier: GPL-3.0-or-later
# lockkeeper: `make help` lists the targets.

VERSION := 0.1.0

# Where everything built goes.
O ?= build

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
CFLAGS ?= -O2 -g
WERROR ?=
SANITIZE ?=
DEPS ?= yes
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60

prefix ?= /usr/local
bindir ?= $(prefix)/bin
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
completionsdir ?= $(datadir)/bash-completion/completions
docdir ?= $(datadir)/doc/lockkeeper

# ---------------------------------------------------------------------- sources

MODULES := core system import models sim planner real-driver web cli
SOURCES := $(sort $(foreach m,$(MODULES),$(wildcard $(m)/*.c)))
MAIN := $(wildcard cli/main.c)
LIBRARY_SOURCES := $(filter-out cli/main.c,$(SOURCES))
VERIFIER_SOURCES := $(sort $(wildcard verifier/*.c))
SUPPORT_SOURCES := $(sort $(wildcard tests/support/*.c))
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
PROPERTY_SOURCES := $(sort $(wildcard tests/property/test_*.c))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SIMGRID := $(wildcard tests/bench/simgrid*.c)
BENCH_SOURCES := $(sort $(filter-out $(BENCH_SIMGRID),$(wildcard tests/bench/*.c)))
ACCURACY_SOURCES := $(sort $(wildcard tests/accuracy/*.c))
SWARM_SOURCES := $(sort $(wildcard tests/swarm/*.c))

object = $(patsubst %.c,$(O)/obj/%.o,$(1))
program = $(patsubst %.c,$(O)/%,$(1))

LIBRARY := $(O)/liblockkeeper.a
SUPPORT := $(if $(SUPPORT_SOURCES),$(O)/libsupport.a)
PROGRAM := $(if $(MAIN),$(O)/lockkeeper)
VERIFIER := $(if $(VERIFIER_SOURCES),$(O)/lockkeeper-verify)
UNIT := $(call program,$(UNIT_SOURCES))
PROPERTY := $(call program,$(PROPERTY_SOURCES))
FUZZ := $(call program,$(FUZZ_SOURCES))
BENCH := $(call program,$(BENCH_SOURCES))
ACCURACY := $(O)/tests/accuracy/accuracy
SWARM := $(call program,$(SWARM_SOURCES))

# ---------------------------------------------------------------------- flags

PACKAGES := gsl libcjson nettle sqlite3 libvirt libvirt-qemu libxml-2.0 libmicrohttpd
VERIFIER_PACKAGES := libcjson
TEST_PACKAGES := criterion

# Asked for once and only when something is compiled: `make help` and `make demo` work before they are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PKG_LIBS)
VERIFIER_LIBS = $(eval VERIFIER_LIBS := $(shell pkg-config --libs $(VERIFIER_PACKAGES)) -lm)$(VERIFIER_LIBS)
TEST_LIBS = $(eval TEST_LIBS := $(shell pkg-config --libs $(TEST_PACKAGES)))$(TEST_LIBS)

WARNINGS := -Wall -Wextra -Wshadow -Wvla -Wundef -Wpointer-arith -Wwrite-strings -Wformat=2 \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition

# -ffp-contract=off: the same seed gives the same bytes with either compiler. Nobody reads a math errno.
BASE_CFLAGS := -std=gnu17 -ffp-contract=off -fno-math-errno -pthread -I. $(WARNINGS) \
	$(if $(filter 1,$(WERROR)),-Werror)

# The sanitized build also counts coverage for libFuzzer, so that tests and fuzz targets share its objects.
ifneq ($(SANITIZE),)
BASE_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
BASE_LDFLAGS += -fsanitize=$(SANITIZE)
ifneq ($(findstring clang,$(CC)),)
BASE_CFLAGS += -fsanitize=fuzzer-no-link
BASE_LDFLAGS += -fsanitize=fuzzer-no-link
endif
endif

CLI_CFLAGS := -DLOCKKEEPER_VERSION='"$(VERSION)"' -DLOCKKEEPER_SOURCE_DIR='"$(CURDIR)"' \
	-DLOCKKEEPER_DATA_DIR='"$(datadir)/lockkeeper"'

module_flags = $(if $(filter cli/%,$(1)),$(CLI_CFLAGS))
COMPILE = $(CC) $(BASE_CFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(CPPFLAGS)
LINK = $(CC) -pthread $(BASE_LDFLAGS) $(CFLAGS) $(LDFLAGS)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# ---------------------------------------------------------------------- building

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all tests fuzzers bench-programs FORCE

all: $(LIBRARY) $(PROGRAM) $(VERIFIER)

tests: $(UNIT) $(PROPERTY) $(SWARM)

fuzzers: $(FUZZ)

bench-programs: $(BENCH) $(ACCURACY)

# Rewritten only when it changes: other flags, another compiler or library rebuild what depends on them.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@for p in $(PACKAGES); do pkg-config --exists $$p || \
		{ echo "make: library $$p is missing; run: tools/install-deps build" >&2; exit 1; }; done
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK) $(PKG_LIBS))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK) $(PKG_LIBS))' > $@

$(O)/flags-cli: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(CLI_CFLAGS))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(CLI_CFLAGS))' > $@

# The list of members, so that an archive loses the objects of a source that is gone.
$(O)/members: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(LIBRARY_SOURCES) $(SUPPORT_SOURCES) $(VERIFIER_SOURCES)' | cmp -s - $@ || \
		printf '%s\n' '$(LIBRARY_SOURCES) $(SUPPORT_SOURCES) $(VERIFIER_SOURCES)' > $@

$(O)/obj/cli/%.o: cli/%.c $(O)/flags $(O)/flags-cli
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(CLI_CFLAGS) -MMD -MP -c -o $@ $<

# The pages' files are in it.
$(O)/obj/web/assets.o: $(wildcard web/pages/*)

$(O)/obj/%.o: %.c $(O)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(LIBRARY): $(call object,$(LIBRARY_SOURCES)) $(O)/members
	$(say) AR $@
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(O)/libsupport.a: $(call object,$(SUPPORT_SOURCES)) $(O)/members
	$(say) AR $@
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(O)/lockkeeper: $(call object,$(MAIN)) $(LIBRARY)
	$(say) LD $@
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) -lm

$(O)/lockkeeper-verify: $(call object,$(VERIFIER_SOURCES)) $(O)/members
	$(say) LD $@
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(VERIFIER_LIBS)

$(UNIT) $(PROPERTY): $(O)/%: $(O)/obj/%.o $(SUPPORT) $(LIBRARY)
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(SUPPORT) $(LIBRARY) $(TEST_LIBS) $(PKG_LIBS) -lm

$(FUZZ): $(O)/%: $(O)/obj/%.o $(SUPPORT) $(LIBRARY)
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $< $(SUPPORT) $(LIBRARY) $(PKG_LIBS) -lm

$(BENCH) $(SWARM): $(O)/%: $(O)/obj/%.o $(SUPPORT) $(LIBRARY)
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(SUPPORT) $(LIBRARY) $(PKG_LIBS) -lm

$(ACCURACY): $(call object,$(ACCURACY_SOURCES)) $(SUPPORT) $(LIBRARY)
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) -lm

$(call program,$(BENCH_SIMGRID)): $(O)/%: %.c $(O)/flags
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -o $@ $< $$(pkg-config --cflags --libs simgrid) -lm

# What lab guests run: nothing else is in them.
$(O)/tests/lab/guest: tests/lab/guest.c $(O)/flags
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 $(WARNINGS) $(if $(filter 1,$(WERROR)),-Werror) -static -o $@ $< -lm

# Has the driver of real hosts carry out single orders.
$(O)/tests/lab/drive: $(O)/obj/tests/lab/drive.o $(LIBRARY)
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(LIBRARY) $(PKG_LIBS) -lm

ALL_OBJECTS := $(call object,$(SOURCES) $(VERIFIER_SOURCES) $(SUPPORT_SOURCES) $(UNIT_SOURCES) \
	$(PROPERTY_SOURCES) $(FUZZ_SOURCES) $(BENCH_SOURCES) $(ACCURACY_SOURCES) \
	$(SWARM_SOURCES) tests/lab/drive.c)
.SECONDARY: $(ALL_OBJECTS)
-include $(ALL_OBJECTS:.o=.d)

# ---------------------------------------------------------------------- using and testing

.PHONY: demo check ci lint asan valgrind fuzz bench accuracy golden-update format help
.PHONY: deps-build deps-check deps-lint
SUITES := build unit property golden cli verifier swarm house schema
CHECK_SUITES := $(SUITES) clang asan fuzz valgrind web slurm lab faults
LINT_SUITES := format tidy cppcheck shell man
RUN = O='$(O)' CC='$(CC)' MAKE='$(MAKE)' JOBS='$(JOBS)' WERROR='$(WERROR)' tests/run

deps-build deps-check deps-lint: deps-%:
	@if [ '$(DEPS)' != no ]; then \
		tools/install-deps build $(filter-out build,$*) $(if $(filter check,$*),lab slurm web); fi

demo:
	@if [ '$(DEPS)' != no ]; then tools/install-deps build demo; fi
	@$(MAKE) --no-print-directory all
	@LOCKKEEPER='$(O)/lockkeeper' OUT='$(O)/demo' tools/demo

check: deps-check
	@$(RUN) $(CHECK_SUITES)

# What .ci/run does: one count over both.
ci: deps-check deps-lint
	@$(RUN) $(CHECK_SUITES) $(LINT_SUITES)

lint: deps-lint
	@$(RUN) $(LINT_SUITES)

.PHONY: check-lab $(foreach s,$(CHECK_SUITES),check-$(s)) $(foreach s,$(LINT_SUITES),lint-$(s))
# All that needs real hosts: the lab, and what real faults do to an execution.
check-lab: deps-check
	@$(RUN) build lab faults

$(foreach s,$(filter-out lab,$(CHECK_SUITES)),check-$(s)): check-%: deps-check
	@$(RUN) $(if $(filter build clang asan fuzz house,$*),,build) $*

# The pages as the tests saw them, for people to look at: docs/pages/.
.PHONY: pages
pages: all
	@O='$(O)' LOCKKEEPER='$(O)/lockkeeper' tests/web/pages

$(foreach s,$(LINT_SUITES),lint-$(s)): lint-%: deps-lint
	@$(RUN) $*

# The program and its tests with ASan and UBSan, under $(O)/asan.
asan:
	@$(MAKE) --no-print-directory O='$(O)/asan' CC=clang SANITIZE=address,undefined CFLAGS='-O1 -g' \
		all tests fuzzers

valgrind: check-valgrind

# Random cases by the 100,000: half an hour.
LONG_CASES ?= 100000
.PHONY: check-long
check-long: all tests
	@O='$(O)' tests/long $(LONG_CASES)

# Real libvirt hosts, in a world that is gone when the command ends.
.PHONY: lab lab-demo lab-measure lab-ready
HOSTS ?= 2
MBIT ?= 0
N ?= 100
SEED ?= 1
MIGRATIONS ?= $(O)/lab/migrations.csv
LAB = LAB_GUEST='$(O)/tests/lab/guest' LAB_KERNEL='$(O)/lab/vmlinuz' tests/lab/sandbox

lab-ready:
	@if [ '$(DEPS)' != no ]; then tools/install-deps build lab; fi
	@$(MAKE) --no-print-directory all '$(O)/tests/lab/guest' '$(O)/tests/lab/drive'
	@tests/lab/kernel '$(O)/lab/vmlinuz'

lab: lab-ready
	@$(LAB) tests/lab/up --hosts $(HOSTS) --mbit $(MBIT) $(RUN_IN_LAB)

# The whole way on three real hosts; then once more with an iSCSI disk and a bridge that is pinged.
lab-demo: lab-ready
	@LOCKKEEPER='$(O)/lockkeeper' $(LAB) tests/lab/demo
	@LOCKKEEPER='$(O)/lockkeeper' $(LAB) tests/lab/demo --disks

lab-measure: lab-ready
	@$(LAB) tests/lab/measure --guests $(N) --seed $(SEED) $(if $(KIND),--only $(KIND)) \
		$(if $(MACHINE),--machine '$(MACHINE)') -o '$(MIGRATIONS)'

fuzz: asan
	@FUZZ_DIR='$(O)/asan/tests/fuzz' OUT='$(O)/fuzz' tests/fuzz/run --seconds $(FUZZ_SECONDS)

bench: all bench-programs
	@O='$(O)' LOCKKEEPER='$(O)/lockkeeper' OUT='$(O)/bench' MAKE='$(MAKE)' tests/bench/run \
		'$(BENCH)' '$(call program,$(BENCH_SIMGRID))'

# How near predictions come to measured migrations; ACCURACY_OPTIONS="--write docs" renews docs/accuracy.md.
accuracy: $(ACCURACY)
	@$(ACCURACY) --work '$(O)/accuracy' $(ACCURACY_OPTIONS)

# The constants that ship, fitted again: look at docs/accuracy.md and at the golden outputs afterwards.
.PHONY: model
model: all
	$(O)/lockkeeper calibrate tests/data/lab-migrations.csv -o models/qemu-7.2.json --force
	tools/fitted-constants
	@$(MAKE) --no-print-directory all

# All C files as the formatter wants them; FILES="…" for some.
format:
	clang-format-14 -i $(or $(FILES),$(shell git ls-files -co --exclude-standard '*.c' '*.h'))

golden-update: all
	@LOCKKEEPER='$(O)/lockkeeper' OUT='$(O)/golden' tests/golden/run --update $(CASES)

# ---------------------------------------------------------------------- installing

.PHONY: install uninstall clean dist-clean
INSTALL ?= install
MAN_PAGES := $(wildcard docs/man/*.1 docs/man/*.5 docs/man/*.7)
SCENARIOS = $(shell find scenarios -type f)
at = $(DESTDIR)$(1)

install: all
	$(INSTALL) -d '$(call at,$(bindir))' '$(call at,$(completionsdir))' '$(call at,$(docdir))'
	$(INSTALL) -m 755 $(PROGRAM) $(VERIFIER) '$(call at,$(bindir))'
	$(INSTALL) -m 644 tools/lockkeeper.bash '$(call at,$(completionsdir)/lockkeeper)'
	$(INSTALL) -m 644 LICENSE $(wildcard README.md) '$(call at,$(docdir))'
	for f in $(MAN_PAGES); do \
		$(INSTALL) -D -m 644 $$f "$(call at,$(mandir))/man$${f##*.}/$${f##*/}" || exit 1; done
	for f in $(wildcard plots/*.gp schemas/*.json) $(SCENARIOS); do \
		$(INSTALL) -D -m 644 $$f '$(call at,$(datadir)/lockkeeper)'/$$f || exit 1; done

uninstall:
	rm -f $(foreach p,lockkeeper lockkeeper-verify,'$(call at,$(bindir)/$(p))')
	rm -f '$(call at,$(completionsdir)/lockkeeper)'
	for f in $(MAN_PAGES); do rm -f "$(call at,$(mandir))/man$${f##*.}/$${f##*/}"; done
	rm -rf '$(call at,$(docdir))' '$(call at,$(datadir)/lockkeeper)'

clean:
	rm -rf '$(O)'

dist-clean: clean
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------- asking

.PHONY: print-sources print-flags print-libraries print-suites
# What `make ci` runs.
print-suites:
	@echo $(CHECK_SUITES) $(LINT_SUITES)

# Every .c file that some target compiles; tests/house/run compares it with what is there.
print-sources:
	@printf '%s\n' $(SOURCES) $(VERIFIER_SOURCES) $(SUPPORT_SOURCES) $(UNIT_SOURCES) $(PROPERTY_SOURCES) \
		$(FUZZ_SOURCES) $(BENCH_SOURCES) $(BENCH_SIMGRID) tests/lab/guest.c tests/lab/drive.c \
		$(ACCURACY_SOURCES) $(SWARM_SOURCES)

# How a file is compiled, for tools that read C.
print-flags:
	@printf '%s\n' $(BASE_CFLAGS) $(PKG_CFLAGS) $(CLI_CFLAGS)

# What programs are linked with.
print-libraries:
	@printf '%s\n' $(PKG_LIBS)

help:
	@echo 'make                 build $(O)/lockkeeper'
	@echo 'make demo            install what is missing, build, and show what lockkeeper does'
	@echo 'make check           install what the tests need, build, run all tests'
	@echo 'make check-SUITE     one of: $(CHECK_SUITES)'
	@echo 'make lint            format, clang-tidy, cppcheck, shellcheck, mandoc (lint-NAME: one of them)'
	@echo 'make ci              check and lint, counted together'
	@echo 'make format          format the C files (FILES="…" for some)'
	@echo 'make asan            build with ASan and UBSan under $(O)/asan'
	@echo 'make valgrind        commands under valgrind'
	@echo 'make pages           take the pictures of the pages in docs/pages/ anew'
	@echo 'make lab             HOSTS=$(HOSTS) libvirt hosts on links of MBIT=$(MBIT), for RUN_IN_LAB="…"'
	@echo 'make lab-demo        a plan made, approved and carried out on three libvirt hosts'
	@echo 'make lab-measure     migrate N=$(N) guests (SEED= KIND= MACHINE=), rows go to MIGRATIONS='
	@echo 'make check-long      LONG_CASES=$(LONG_CASES) random clusters against the brute-force judges'
	@echo 'make fuzz            each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make bench           measure speed and accuracy'
	@echo 'make accuracy        predictions beside measured migrations; ACCURACY_OPTIONS="--write docs"'
	@echo 'make model           fit the constants that ship to tests/data/lab-migrations.csv'
	@echo 'make golden-update   rewrite the expected outputs (CASES="name …" for some); read the diff'
	@echo 'make install         to prefix=$(prefix), below DESTDIR'
	@echo 'make uninstall | clean | dist-clean'
	@echo 'Variables: O (folder), CC, CFLAGS, LDFLAGS, WERROR=1, V=1, JOBS, DEPS=no (install none).'
