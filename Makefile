# mosaik toolkit for C: every task of the project. `make` builds, `make check` tests, `make demo` shows.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := $(shell cat VERSION)

PROGRAMS := $(notdir $(patsubst %/,%,$(wildcard cmd/*/)))
# Rooms in their order: a file may include its own room and earlier ones (docs/architecture.md).
ROOMS := base crypto wire core store quic proxy runtime cli

CC      ?= cc
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat=2
CFLAGS  ?= -O2 -g
ifdef SANITIZE
CFLAGS  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
MSK_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Ilib -I$(BUILD)/gen $(WARN) -MMD -MP -fstack-protector-strong -ffunction-sections -fdata-sections \
             -DMSK_VERSION='"$(VERSION)"' $(DEPS_CFLAGS) $(CFLAGS)
# One short line a file; V=1 shows the whole command.
run = $(if $(V),,@printf '  %-4s %s\n' '$(1)' '$@';)$(2)
MSK_LDFLAGS = -Wl,--gc-sections -Wl,-z,relro,-z,now $(LDFLAGS)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all demo bench sim setup-test unit-programs check check-unit check-bats check-interop asan fuzz lint format install clean

all: $(PROGRAMS:%=$(BUILD)/bin/%)

# ---- what must be on the machine (deps/setup), and where it is
ifeq ($(filter clean format,$(MAKECMDGOALS)),)
include $(BUILD)/deps.mk
endif
$(BUILD)/deps.mk: deps/setup deps/packages
	@mkdir -p $(@D)
	deps/setup build
	deps/setup --print-env >$@

# ---- objects, one archive per room
sources = $(sort $(wildcard lib/$(1)/*.c))
define room
$(BUILD)/lib$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
	@rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

$(BUILD)/%.o: %.c $(BUILD)/deps.mk
	@mkdir -p $(@D)
	$(call run,CC,$(CC) $(MSK_CFLAGS) -c -o $@ $<)

# Libraries a room needs from outside; the linker drops what a program does not use.
LIBS_crypto  = -ljansson -lsodium $(DEPS_LIBS_CRYPTO)
LIBS_wire    = -ljansson
LIBS_store   = -lsqlite3
LIBS_proxy   = -ljansson -lm $(DEPS_LIBS_CRYPTO)
LIBS_quic    = $(DEPS_LIBS_QUIC)
LIBS_runtime = -luv
upto   = $(if $(1),$(call upto_,$(1),$(ROOMS)))
upto_  = $(if $(filter $(1),$(firstword $(2))),$(firstword $(2)),$(firstword $(2)) $(call upto_,$(1),$(wordlist 2,99,$(2))))
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
archives = $(patsubst %,$(BUILD)/lib%.a,$(call reverse,$(1)))
libs     = $(foreach r,$(call reverse,$(1)),$(LIBS_$(r))) -lpthread -ldl -lm

# ---- programs: the rooms each one is made of, and libraries of its own (cmd/NAME/rooms.mk)
-include $(wildcard cmd/*/rooms.mk)
define program
$(BUILD)/bin/$(1): $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard cmd/$(1)/*.c))) $(call archives,$(ROOMS_$(1)))
	@mkdir -p $$(@D)
	$$(call run,LINK,$$(CC) $$(MSK_CFLAGS) $$(MSK_LDFLAGS) -o $$@ $$^ $$(call libs,$(ROOMS_$(1))) $(LIBS_$(1)))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# ---- unit tests: tests/unit/ROOM_SUBJECT.c, linked with that room and those before it
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/*.c)))
define unit
$(BUILD)/unit/$(1): $(BUILD)/tests/unit/$(1).o $(call archives,$(call upto,$(firstword $(subst _, ,$(1)))))
	@mkdir -p $$(@D)
	$$(call run,LINK,$$(CC) $$(MSK_CFLAGS) $$(MSK_LDFLAGS) -o $$@ $$^ -lcmocka $$(call libs,$(call upto,$(firstword $(subst _, ,$(1))))))
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit,$(t))))

# ---- the simulator: whole nodes in virtual time, from seeds and scenarios (docs/simulator.md). SECONDS: random seeds
# for so long; SIM_ARGS: --mode NAME --seed N --runs N --lines N, --scenario FILE
sim_remembers = -Wl,--wrap=msk_ed25519_is_point -Wl,--wrap=msk_ed25519_verify
$(BUILD)/unit/core_simulator: $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/sim/*.c))) $(call archives,$(call upto,core))
	@mkdir -p $(@D)
	$(call run,LINK,$(CC) $(MSK_CFLAGS) $(MSK_LDFLAGS) $(sim_remembers) -o $@ $^ -lcmocka $(call libs,$(call upto,core)))

sim: setup-test $(BUILD)/unit/core_simulator
	$(BUILD)/unit/core_simulator $(if $(SECONDS),--seconds $(SECONDS)) $(SIM_ARGS)

# ---- tests
unit-programs: $(UNIT_TESTS:%=$(BUILD)/unit/%) $(BUILD)/unit/core_simulator

setup-test: deps/setup deps/packages
	@deps/setup build test

check: setup-test
	@$(MAKE) --no-print-directory all unit-programs
	tests/run $(BUILD) unit bats interop

check-unit: setup-test
	@$(MAKE) --no-print-directory unit-programs
	tests/run $(BUILD) unit

check-bats: setup-test
	@$(MAKE) --no-print-directory all
	tests/run $(BUILD) bats

check-interop: setup-test
	@$(MAKE) --no-print-directory all
	tests/run $(BUILD) interop

# Everything again, compiled with AddressSanitizer and UndefinedBehaviorSanitizer.
asan: setup-test
	@$(MAKE) --no-print-directory SANITIZE=1 BUILD=$(BUILD)/asan all unit-programs
	tests/run $(BUILD)/asan unit bats

# Look for inputs that break what tests/fuzz/properties.h says of everything strangers send. Needs clang.
FUZZ_SECONDS ?= 60
FUZZ_SOURCES = tests/fuzz/any.c $(call sources,base) $(call sources,crypto) $(call sources,wire)
fuzz: setup-test
	@mkdir -p $(BUILD)/fuzz/corpus
	clang $(MSK_CFLAGS) -fsanitize=fuzzer,address,undefined -o $(BUILD)/fuzz/any $(FUZZ_SOURCES) $(call libs,base crypto wire)
	$(BUILD)/fuzz/any -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus

# ---- a tour: three members, a leader, its death, the next one
demo:
	@deps/setup build
	@$(MAKE) --no-print-directory all
	@MSK_BIN=$(BUILD)/bin docs/examples/demo

# Figures, side by side with the Rust reference where cargo is there; no pass or fail.
bench: setup-test
	@$(MAKE) --no-print-directory all $(BUILD)/bench/udp_load $(BUILD)/bench/verify $(BUILD)/bench/member
	@MSK_BIN=$(BUILD)/bin tests/bench/chaos $(BUILD)/bench/udp_load
	@MSK_BIN=$(BUILD)/bin tests/bench/bench $$(tests/interop/build.sh || true)
	@MSK_BIN=$(BUILD)/bin tests/bench/log $$(tests/interop/build.sh || true)

$(BUILD)/bench/verify: $(BUILD)/tests/bench/verify.o $(call archives,base crypto wire)
	@mkdir -p $(@D)
	$(call run,LINK,$(CC) $(MSK_CFLAGS) $(MSK_LDFLAGS) -o $@ $^ $(call libs,base crypto wire))

$(BUILD)/bench/member: $(BUILD)/tests/bench/member.o $(call archives,$(ROOMS_mosaik-node))
	@mkdir -p $(@D)
	$(call run,LINK,$(CC) $(MSK_CFLAGS) $(MSK_LDFLAGS) -o $@ $^ $(call libs,$(ROOMS_mosaik-node)))

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/deps.mk
	@mkdir -p $(@D)
	$(call run,CC,$(CC) $(MSK_CFLAGS) -o $@ $<)

# ---- habits that tools can check
lint:
	@deps/setup build lint
	@$(MAKE) --no-print-directory $(BUILD)/deps.mk
	tests/lint $(BUILD)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# ---- manual pages, completion
include docs/man/rules.mk

install: all install-docs
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
