# One makefile for everything, no recursion into folders, no configure step.
#
# A flavour is a folder under build/ with its own objects, one static library per folder of
# src/LAYERS, and the programs linked from them. V=1 shows the commands.

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(origin CC),default)
CC := gcc
endif
FUZZ_CC      ?= clang
PREFIX       ?= /usr/local
SYSCONFDIR   ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR      ?= $(PREFIX)/lib/systemd/system
FUZZ_SECONDS ?= 60
# Flavour of the pgcarwash that the wire, fault, system and driver tests start.
TEST_FLAVOUR ?= debug

BINDIR  := $(PREFIX)/bin
MANDIR  := $(PREFIX)/share/man
DOCDIR  := $(PREFIX)/share/doc/pgcarwash
CONFDIR := $(SYSCONFDIR)/pgcarwash

Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-8s %s\n' $(1) $(2))

# ---- what there is to build ----

FLAVOURS := release debug asan fuzz
LAYERS   := $(shell sed 's/\#.*//' src/LAYERS)
# Folders that have sources, highest layer first: the order in which libraries are linked.
FOLDERS  := $(shell sed 's/\#.*//' src/LAYERS | tr ' ' '\n' | tac | while read -r folder; do \
	ls src/$$folder/*.c >/dev/null 2>&1 && echo $$folder; done)
MAIN     := $(wildcard src/daemon/main.c)

# below_<folder>: the folders on earlier lines of src/LAYERS, highest first. Only these and
# the folder itself are linked into its unit tests, so a call upwards does not link.
comma := ,
below := $(shell awk '{ sub(/\#.*/, "") } NF { line = ""; for (i = 1; i <= NF; i++) { \
	print $$i "=" seen; line = line "," $$i } seen = line seen }' src/LAYERS)
$(foreach pair,$(below),$(eval below_$(firstword $(subst =, ,$(pair))) := \
	$(filter $(FOLDERS),$(subst $(comma), ,$(word 2,$(subst =, ,$(pair)))))))

UNIT_TESTS := $(wildcard $(LAYERS:%=tests/unit/%/test_*.c))
FUZZERS    := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TOOLS      := $(patsubst tests/tools/%.c,%,$(wildcard tests/tools/*.c))
DOC_TOOLS  := $(filter gen%,$(TOOLS))
BENCHES    := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))
# What stands around a session in tests; linked where it is called for.
STAGE      := $(wildcard tests/stage/*.c)
FAULTS     := $(wildcard tests/faults/*.c)

# ---- how it is compiled ----

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wformat=2 -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# Asked for when first used, not when this file is read: "make deps" may install them first.
PACKAGES  = libevent libevent_openssl openssl libpq inih libidn
# Optional: HIREDIS=0, PAM=0, LDAP=0 build without, as does a machine that has not got them.
# pam_start_confdir is there from Linux-PAM 1.4 on, libldap is safe in threads from 2.5 on.
has       = $(eval $(1) := $(shell pkg-config $(2) 2>/dev/null && echo 1 || echo 0))$($(1))
HIREDIS  ?= $(call has,HIREDIS,--exists hiredis)
PAM      ?= $(call has,PAM,--atleast-version=1.4 pam)
LDAP     ?= $(call has,LDAP,--atleast-version=2.5 ldap lber)
OPTIONAL  = $(if $(filter 1,$(HIREDIS)),hiredis) $(if $(filter 1,$(PAM)),pam) $(if $(filter 1,$(LDAP)),ldap lber)
ask_once  = $(eval $(1) := $(shell pkg-config $(2) $(PACKAGES) $(OPTIONAL)))$($(1))
PACKAGE_CFLAGS = $(call ask_once,asked_cflags,--cflags)
PACKAGE_LIBS   = $(call ask_once,asked_libs,--libs)

CPPFLAGS_ALL = -D_GNU_SOURCE -Iinclude -Isrc $(if $(filter 1,$(HIREDIS)),-DHAVE_HIREDIS=1) \
	$(if $(filter 1,$(PAM)),-DHAVE_PAM=1) $(if $(filter 1,$(LDAP)),-DHAVE_LDAP=1) \
	$(PACKAGE_CFLAGS) $(CPPFLAGS)
# Hidden, because libpg_query exports hundreds of PostgreSQL's names: a function of ours with one
# of them (hash_bytes) would be called in place of PostgreSQL's.
CFLAGS_ALL   = -std=gnu17 -g -pthread -fvisibility=hidden $(WARNINGS)

# Link time optimisation needs an archiver that understands the compiler's objects.
CC_IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
CLANG_LTO    = $(and $(shell command -v ld.lld),$(shell command -v llvm-ar))
LTO          = $(if $(CC_IS_CLANG),$(if $(CLANG_LTO),-flto -fuse-ld=lld),-flto=auto)

cc_release     = $(CC)
cc_debug       = $(CC)
cc_asan        = $(CC)
cc_fuzz        = $(FUZZ_CC)
ar_release     = $(if $(CC_IS_CLANG),$(if $(CLANG_LTO),llvm-ar,ar),gcc-ar)
ar_debug       = ar
ar_asan        = ar
ar_fuzz        = ar
cflags_release = -O3 $(LTO) -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
cflags_debug   = -O0
cflags_asan    = -O1 $(SANITIZE)
cflags_fuzz    = -O1 -fsanitize=fuzzer-no-link $(SANITIZE)
ldflags_release = -O2 $(LTO) -pie -Wl,-z,relro,-z,now
ldflags_debug  =
ldflags_asan   = $(SANITIZE)
ldflags_fuzz   = $(SANITIZE)

# ---- rules, once per flavour ----

# $(call libraries,flavour,folders)
libraries = $(patsubst %,build/$(1)/lib%.a,$(2))
# $(call link,flavour,inputs,extra flags): libraries of the system come last
link = $(Q)$(cc_$(1)) -pthread $(ldflags_$(1)) $(3) $(LDFLAGS) -o $@ $(2) -Wl,--as-needed $(PACKAGE_LIBS) -lpg_query -lm

# $(call library_rule,flavour,folder): main.c is linked by name, not from the library.
define library_rule
build/$(1)/lib$(2).a: $(patsubst src/%.c,build/$(1)/obj/%.o,$(filter-out $(MAIN),$(wildcard src/$(2)/*.c)))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(ar_$(1)) rcs $$@ $$^
endef

# $(call unit_rule,flavour,folder,test)
define unit_rule
build/$(1)/tests/unit/$(2)/$(3): build/$(1)/obj/tests/unit/$(2)/$(3).o $(if $(filter session,$(2)),build/$(1)/libstage.a) \
		$(call libraries,$(1),$(filter $(FOLDERS),$(2)) $(below_$(2)))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(call link,$(1),$$^)
UNIT_$(1) += build/$(1)/tests/unit/$(2)/$(3)
endef

# $(call stage_rule,flavour)
define stage_rule
build/$(1)/libstage.a: $(STAGE:%.c=build/$(1)/obj/%.o)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(ar_$(1)) rcs $$@ $$^

build/$(1)/tests/faults/faults: $(FAULTS:%.c=build/$(1)/obj/%.o) build/$(1)/libstage.a \
		$(call libraries,$(1),$(filter session,$(FOLDERS)) $(below_session))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(call link,$(1),$$^)
endef

define tool_rule
build/$(1)/$(2): build/$(1)/obj/tests/tools/$(2).o $(call libraries,$(1),$(FOLDERS))
	$$(call say,LINK,$$@)
	$$(call link,$(1),$$^)
endef

# $(call bench_rule,flavour,program): small benchmarks of single parts
define bench_rule
build/$(1)/$(2): build/$(1)/obj/tests/bench/$(2).o $(call libraries,$(1),$(FOLDERS))
	$$(call say,LINK,$$@)
	$$(call link,$(1),$$^)
endef

define flavour_rules
# Rewritten when the compiler or its flags change, so that everything is compiled again.
build/$(1)/flags: always
	@mkdir -p $$(@D)
	@now='$$(cc_$(1)) $$(CPPFLAGS_ALL) $$(CFLAGS_ALL) $$(cflags_$(1)) $$(CFLAGS)'; \
		[ "$$$$now" = "$$$$(cat $$@ 2>/dev/null)" ] || echo "$$$$now" >$$@

build/$(1)/obj/%.o: src/%.c build/$(1)/flags
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(cc_$(1)) $$(CPPFLAGS_ALL) $$(CFLAGS_ALL) $$(cflags_$(1)) $$(CFLAGS) -MMD -MP -c -o $$@ $$<

build/$(1)/obj/tests/%.o: tests/%.c build/$(1)/flags
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(cc_$(1)) $$(CPPFLAGS_ALL) -Itests -Itests/unit $$(CFLAGS_ALL) $$(cflags_$(1)) $$(CFLAGS) -MMD -MP -c -o $$@ $$<

build/$(1)/pgcarwash: build/$(1)/obj/daemon/main.o $(call libraries,$(1),$(FOLDERS))
	$$(call say,LINK,$$@)
	$$(call link,$(1),$$^)

$(foreach folder,$(FOLDERS),$(eval $(call library_rule,$(1),$(folder))))
$(eval $(call stage_rule,$(1)))
$(foreach tool,$(TOOLS),$(eval $(call tool_rule,$(1),$(tool))))
$(foreach bench,$(BENCHES),$(eval $(call bench_rule,$(1),$(bench))))
$(foreach test,$(UNIT_TESTS),$(eval $(call unit_rule,$(1),$(notdir $(patsubst %/,%,$(dir $(test)))),$(basename $(notdir $(test))))))
endef
$(foreach flavour,$(FLAVOURS),$(eval $(call flavour_rules,$(flavour))))

define fuzz_rules
build/fuzz/fuzz_$(1): build/fuzz/obj/tests/fuzz/fuzz_$(1).o $(if $(filter login split,$(1)),build/fuzz/libstage.a) \
		$(call libraries,fuzz,$(FOLDERS))
	$$(call say,LINK,$$@)
	$$(call link,fuzz,$$^,-fsanitize=fuzzer)

build/asan/tests/fuzz/replay_$(1): build/asan/obj/tests/fuzz/fuzz_$(1).o build/asan/obj/tests/fuzz/replay.o \
		$(if $(filter login split,$(1)),build/asan/libstage.a) $(call libraries,asan,$(FOLDERS))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(call link,asan,$$^)
endef
$(foreach fuzzer,$(FUZZERS),$(eval $(call fuzz_rules,$(fuzzer))))

# ---- targets ----

# $(call program,flavour): the daemon, or the libraries while there is no main.c.
program = $(if $(MAIN),build/$(1)/pgcarwash,$(call libraries,$(1),$(FOLDERS)))
# $(call script,path,arguments): runs a test script; one that does not exist is skipped.
script = $(Q)if [ -f $(1) ]; then PGCARWASH=$(2) $(1); else echo "$(1): not there yet"; echo "0 passed, 0 failed"; fi
# $(call keep,file,mode): installs a file of the configuration, unless there is one.
keep = @file=$(DESTDIR)$(CONFDIR)/$(notdir $(1)); [ -e "$$file" ] || \
	{ sed 's|@CONFDIR@|$(CONFDIR)|' $(1) | install -D -m $(2) /dev/stdin "$$file"; }
test_daemon = $(if $(MAIN),build/$(TEST_FLAVOUR)/pgcarwash)

.PHONY: always all release debug asan check check-unit check-asan check-wire check-faults check-system check-drivers \
	check-static check-fuzz-replay fuzz bench bench-parts demo format docs deps deps-check deps-drivers \
	deps-bench check-regress check-stale install uninstall deb check-install clean help

all: release ## build build/release/pgcarwash

release: $(call program,release) ## optimised, assertions off
debug: $(call program,debug) ## not optimised, assertions on
asan: $(call program,asan) ## AddressSanitizer and UBSan, assertions on
release debug asan:
	$(if $(MAIN),,@echo "there is no src/daemon/main.c yet: built the libraries only")

check: deps-check ## all tests but the drivers that need more packages, then a sum
	$(Q)MAKE="$(MAKE)" tests/check.sh check-static check-unit check-fuzz-replay check-asan \
		check-wire check-faults check-system check-install

check-unit: $(UNIT_debug) ## unit tests of every module
	$(Q)tests/run_programs.sh $^

check-asan: $(UNIT_asan) $(if $(MAIN),build/asan/pgcarwash) ## unit and wire tests under ASan and UBSan
	$(Q)tests/run_programs.sh $(UNIT_asan) \
		$(if $(and $(MAIN),$(wildcard tests/wire/run.sh)),PGCARWASH=build/asan/pgcarwash:tests/wire/run.sh)

check-wire: $(test_daemon) ## wire scripts: fake client, fake server, exact bytes
	$(call script,tests/wire/run.sh,$(test_daemon))

check-faults: build/asan/tests/faults/faults ## the Nth allocation fails, for N = 1, 2, ...
	$(call script,tests/faults/run.sh,)

check-system: $(test_daemon) ## against a real PostgreSQL
	$(call script,tests/system/run.sh,$(test_daemon))

check-drivers: deps-drivers $(test_daemon) ## drivers of other languages (tests/deps.sh drivers)
	$(call script,tests/drivers/run.sh,$(test_daemon))

check-static: debug $(TOOLS:%=build/debug/%) ## layers, purity, sizes, tables, commit messages
	$(Q)tests/run_programs.sh tests/check_layers.sh tests/check_purity.sh tests/check_size.sh \
		$(wildcard tests/check_tables.sh) tests/check_commit.sh

check-fuzz-replay: $(FUZZERS:%=build/asan/tests/fuzz/replay_%) ## fuzz targets over their stored corpus
	$(Q)tests/run_programs.sh $^

fuzz: $(FUZZERS:%=build/fuzz/fuzz_%) ## each fuzz target for FUZZ_SECONDS (clang)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh $(FUZZERS)

check-regress: release ## PostgreSQL's own suite through an entry that splits
	$(call script,tests/regress/run.sh,build/release/pgcarwash)

check-stale: release ## 100,000 writes and reads of them while replicas suffer
	$(Q)STALE_PAIRS=$${STALE_PAIRS:-100000} tests/system/run.sh clusters/test_stale.py -s

bench: deps-bench release ## compare with no pooler, pgbouncer and haproxy
	$(call script,tests/bench/run.sh,build/release/pgcarwash)

bench-parts: $(BENCHES:%=build/release/%) ## what single parts cost
	$(Q)set -e; for program in $^; do $$program; done

demo: ## install, build, and show a workload running through it
	$(Q)tests/deps.sh build demo
	$(Q)$(MAKE) release
	$(call script,tests/demo/run.sh,build/release/pgcarwash)

format: ## clang-format every source
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

docs: $(DOC_TOOLS:%=build/debug/%) ## write what is generated from the tables
	$(Q)for tool in $^; do "$$tool" . || exit 1; done

deps: ## install missing Debian packages for building
	$(Q)tests/deps.sh build

deps-check: ## install missing Debian packages for building and testing
	$(Q)tests/deps.sh build check

deps-drivers:
	$(Q)tests/deps.sh build drivers

deps-bench:
	$(Q)tests/deps.sh build bench

install: release ## copy to PREFIX (/usr/local), below DESTDIR if set
	install -D -m 755 build/release/pgcarwash $(DESTDIR)$(BINDIR)/pgcarwash
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man1 docs/pgcarwash.1
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man5 docs/pgcarwash.5
	install -D -m 644 -t $(DESTDIR)$(DOCDIR) README.md LICENSE pgcarwash.ini.example $(wildcard docs/[A-Z]*.md)
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/examples/haproxy etc/haproxy/haproxy.cfg
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/examples/patroni $(wildcard etc/patroni/*)
	install -D -m 644 -t $(DESTDIR)$(UNITDIR) etc/pgcarwash.service etc/pgcarwash.socket
	sed -i 's|@BINDIR@|$(BINDIR)|; s|@CONFDIR@|$(CONFDIR)|' $(DESTDIR)$(UNITDIR)/pgcarwash.service
	install -D -m 644 etc/pgcarwash.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/pgcarwash
	$(call keep,etc/pgcarwash.ini,644)
	$(call keep,etc/userlist.txt,640)
	$(call keep,etc/hba.conf,644)

uninstall: ## remove what install copied, but for the configuration
	rm -f $(DESTDIR)$(BINDIR)/pgcarwash $(DESTDIR)$(MANDIR)/man1/pgcarwash.1 \
		$(DESTDIR)$(MANDIR)/man5/pgcarwash.5 $(DESTDIR)$(UNITDIR)/pgcarwash.service \
		$(DESTDIR)$(UNITDIR)/pgcarwash.socket $(DESTDIR)$(SYSCONFDIR)/logrotate.d/pgcarwash
	rm -rf $(DESTDIR)$(DOCDIR)

deb: release ## a Debian package in build/, without network
	$(Q)MAKE="$(MAKE)" etc/debian/build.sh build/release/pgcarwash build

check-install: release ## install, uninstall and the Debian package, in a folder of their own
	$(Q)MAKE="$(MAKE)" tests/install/run.sh

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | \
		while IFS=$$'\t' read -r target text; do printf '%-18s %s\n' "$$target" "$$text"; done

-include $(shell find build -name '*.d' 2>/dev/null)
