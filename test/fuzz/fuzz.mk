# SPDX-License-Identifier: MIT
# make -f test/fuzz/fuzz.mk: the libFuzzer targets in build/fuzz, core and all instrumented.
# COVERAGE=1 builds them for llvm-cov instead, in build/fuzz-coverage.
CLANG    = clang
BUILD    = build/fuzz
# Only the core guides the fuzzer; what tests it need not be explored.
GUIDE    = -fsanitize=fuzzer-no-link
FLAGS    = -fsanitize=address,undefined -fno-sanitize-recover=all
LINK     = -fsanitize=fuzzer,address,undefined
ifdef COVERAGE
BUILD    = build/fuzz-coverage
FLAGS    = -fprofile-instr-generate -fcoverage-mapping
LINK     = -fprofile-instr-generate -fsanitize=fuzzer
endif

TARGETS  = stun message ticket candidate frame framing handshake portmap core
CFLAGS   = -std=c11 -O1 -g -fno-omit-frame-pointer -Wall -Wextra -Wshadow -Wconversion \
	   -Wmissing-prototypes -Wstrict-prototypes -Wvla $(FLAGS) -MMD -MP
CPPFLAGS = -D_GNU_SOURCE -Isrc -Itest
# Allocations of the core can be made to fail (fuzz.h).
STARVE   = -Dmalloc=core_malloc -Dcalloc=core_calloc -Drealloc=core_realloc

CORE    := $(patsubst src/core/%.c,$(BUILD)/src/%.o,$(wildcard src/core/*.c))
LAB     := $(patsubst test/fuzz/%.c,$(BUILD)/obj/%.o,$(wildcard test/fuzz/lab*.c))
COMMON  := $(BUILD)/obj/fuzz.o
WRITER  := $(patsubst test/fuzz/%.c,$(BUILD)/obj/%.o,$(wildcard test/fuzz/seeds*.c))

# Beside the core, what of src/net takes a stranger's bytes apart.
NET     := $(BUILD)/net/framing.o

all: $(addprefix $(BUILD)/,$(TARGETS))
seeds: $(BUILD)/seeds

$(BUILD)/src/%.o: src/core/%.c test/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(STARVE) $(CFLAGS) $(GUIDE) -c $< -o $@

$(BUILD)/net/%.o: src/net/%.c test/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(STARVE) $(CFLAGS) $(GUIDE) -c $< -o $@

$(BUILD)/obj/%.o: test/fuzz/%.c test/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(BUILD)/core: $(LAB)
$(BUILD)/framing: $(NET)
$(BUILD)/%: $(BUILD)/obj/%.o $(COMMON) $(CORE)
	$(CLANG) $(LINK) $^ -lcrypto -o $@

# Writes the corpora anew: not a fuzzer, it has a main of its own.
$(BUILD)/seeds: $(WRITER) $(LAB) $(COMMON) $(CORE)
	$(CLANG) $(subst fuzzer$(comma),,$(LINK)) $^ -lcrypto -o $@
comma := ,

.PHONY: all seeds
.SECONDARY:
-include $(wildcard $(BUILD)/src/*.d $(BUILD)/net/*.d $(BUILD)/obj/*.d)
