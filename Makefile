# SPDX-License-Identifier: MIT
# eyelet: `make` builds, `make demo` shows, `make check` tests; `make help` lists the rest.

VERSION = 0.1.0
PREFIX  = /usr/local
LIBDIR  = $(PREFIX)/lib
UNITDIR = $(PREFIX)/lib/systemd/system
DESTDIR =
BUILD   = build
SONAME  = libeyelet.so.0

CFLAGS   ?= $(if $(SANITIZE),-O1 -g1,-O2 -g)
WARNINGS  = -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes \
	    -Wstrict-prototypes -Wvla -Wformat=2
CPPFLAGS += -D_GNU_SOURCE -DEYELET_VERSION='"$(VERSION)"' -Isrc -Iinclude
ALL_CFLAGS = -std=c11 $(CFLAGS) $(WARNINGS) $(WERROR) -fPIC -fvisibility=hidden \
	     -MMD -MP $(EXTRA_CFLAGS)
LDLIBS    = -lev -lcares -lcrypto -lm

# UPnP-IGD by miniupnpc; PCP and NAT-PMP need no library. WITH_UPNP=no leaves it out.
WITH_UPNP = yes
ifeq ($(WITH_UPNP),yes)
CPPFLAGS += -DEYELET_UPNP
LDLIBS   += -lminiupnpc
endif

# Streams by TLS, where UDP is blocked, by OpenSSL's libssl. WITH_TLS=no leaves it out.
WITH_TLS = yes
ifeq ($(WITH_TLS),yes)
CPPFLAGS += -DEYELET_TLS
LDLIBS   := -lssl $(LDLIBS)
endif

# Signatures verified by libsodium, in half the time. WITH_SODIUM=no: by OpenSSL.
WITH_SODIUM = yes
ifeq ($(WITH_SODIUM),yes)
CPPFLAGS += -DEYELET_SODIUM
LDLIBS   += -lsodium
endif

WERROR    = $(if $(CI),-Werror)

# SANITIZE=address,undefined builds everything that way, in a directory of its own.
ifdef SANITIZE
BUILD        = build/$(subst $(comma),-,$(SANITIZE))
EXTRA_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS      += -fsanitize=$(SANITIZE)
endif
comma := ,

objects   = $(patsubst src/%.c,$(BUILD)/%.o,$(wildcard src/$(1)/*.c))
CORE     := $(call objects,core)
NET      := $(call objects,net)
CMD      := $(call objects,cmd)
LIB      := $(call objects,lib)
SIM_WRAP  = -Wl,--wrap=crypto_aead_new,--wrap=crypto_aead_free,--wrap=crypto_aead_seal
UNIT     := $(patsubst test/unit/%.c,$(BUILD)/test/unit/%,$(wildcard test/unit/*.c))
SIM      := $(patsubst test/sim/%.c,$(BUILD)/test/sim/%.o,$(wildcard test/sim/*.c))

.PHONY: all help setup demo check check-long sim soak matrix bench bench-quick install \
	uninstall deb clean format
all: $(BUILD)/eyelet $(BUILD)/libeyelet.so $(BUILD)/libeyelet.a

help:
	@echo 'make [all]       build build/eyelet and the library'
	@echo '                 WITH_UPNP=no: without UPnP, which needs libminiupnpc'
	@echo '                 WITH_TLS=no: without TLS, which needs libssl'
	@echo '                 WITH_SODIUM=no: signatures are verified without libsodium'
	@echo 'make demo        a real UDP application across two NATs on this machine'
	@echo 'make check       all quick tiers of tests; make check TIERS="unit sim" some'
	@echo 'make check-long  the long tiers: packages, sanitizers, valgrind, fuzzing, 10^5 seeds'
	@echo 'make sim         10^5 seeds of the simulator'
	@echo 'make soak        30 minutes of the real pair with faults; MINUTES=5 less'
	@echo 'make matrix      which pairs of networks connect, by what path; how soon'
	@echo 'make bench       CPU time and latency, beside nginx, socat, WireGuard and others:'
	@echo '                 tables, CSV and SVG files in build/bench; bench-quick: 2 minutes'
	@echo 'make install     DESTDIR= PREFIX=/usr/local LIBDIR=$$(PREFIX)/lib'
	@echo 'make deb         Debian packages, in build/deb'
	@echo 'make setup       install the Debian packages that build and tests need'

$(BUILD)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/eyelet: $(CORE) $(NET) $(CMD)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/libeyelet.so: $(CORE) $(NET) $(LIB)
	$(CC) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) $^ $(LDLIBS) -o $@

# One object whose only global symbols are those the header exports.
$(BUILD)/libeyelet.a: $(CORE) $(NET) $(LIB)
	$(LD) -r $^ -o $(BUILD)/libeyelet.o
	objcopy --localize-hidden $(BUILD)/libeyelet.o
	rm -f $@
	$(AR) rcs $@ $(BUILD)/libeyelet.o

# What tests link: everything but main.
$(BUILD)/all.a: $(CORE) $(NET) $(LIB) $(filter-out %/main.o,$(CMD))
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/test/unit/%: test/unit/%.c $(BUILD)/all.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itest $(ALL_CFLAGS) $(LDFLAGS) $< $(BUILD)/all.a -lcmocka $(LDLIBS) -o $@

$(BUILD)/test/sim/%.o: test/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itest $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/test/bench/%: test/bench/%.c $(BUILD)/all.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) $< $(BUILD)/all.a $(LDLIBS) -o $@

# The simulator sees each seal, to find a nonce that serves twice.
$(BUILD)/sim: $(SIM) $(CORE)
	$(CC) $(LDFLAGS) $(SIM_WRAP) $^ $(LDLIBS) -o $@

# As many jobs as processors, where the caller has not said how many.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# A NAT of any kind, for the tests in namespaces.
$(BUILD)/test/tunnat: $(wildcard test/netns/nat/*.[ch])
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(LDFLAGS) $(filter %.c,$^) -o $@

# What test/guard/run.sh counts.
$(BUILD)/test/guard/path: test/guard/path.c $(BUILD)/all.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itest/unit $(ALL_CFLAGS) $(LDFLAGS) $< $(BUILD)/all.a -lcmocka $(LDLIBS) -o $@

$(BUILD)/test/guard/burst: test/guard/burst.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) $< -o $@

BENCH = load guests turn
$(BENCH:%=$(BUILD)/bench/%): $(BUILD)/bench/%: test/bench/%.c test/bench/verify.c \
		test/bench/verify.h $(BUILD)/all.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(LDFLAGS) \
		$(filter %.c %.a,$^) $(LDLIBS) -o $@

bench-programs: $(BUILD)/eyelet $(BENCH:%=$(BUILD)/bench/%)
guard-programs: $(BUILD)/eyelet $(BUILD)/test/guard/path $(BUILD)/test/guard/burst
unit-programs: $(UNIT) $(BUILD)/test/bench/rendezvous
sim-program: $(BUILD)/sim
netns-programs: $(BUILD)/eyelet $(BUILD)/test/tunnat $(BUILD)/test/bench/relay

setup:
	@packaging/setup.sh tests

demo:
	@packaging/setup.sh demo
	@echo 'compiling'
	@$(MAKE) --no-print-directory -s $(JOBS) netns-programs
	@test/netns/demo.sh

check: setup
	@test/run.sh $(or $(TIERS),purity unit guard sim netns fuzz sanitize lint)

check-long:
	@packaging/setup.sh tests deb
	@test/run.sh purity unit guard sim netns fuzz sanitize lint \
		deb lint-tests unit-long netns-long netns-sanitize valgrind fuzz-long sim-long

sim: $(BUILD)/sim
	@test/sim/many.sh $(or $(SEEDS),100000)

soak: setup
	@$(MAKE) --no-print-directory netns-programs
	@test/netns/soak.sh $(or $(MINUTES),30)

matrix: setup
	@$(MAKE) --no-print-directory netns-programs
	@test/netns/matrix.sh $(or $(CELLS),all)

bench bench-quick:
	@packaging/setup.sh bench
	@$(MAKE) --no-print-directory bench-programs
	@test/bench/run.sh $(if $(filter bench,$@),full,quick)
	@$(MAKE) --no-print-directory $(addprefix $(BUILD)/test/bench/,rendezvous relay)
	@test/bench/servers.sh $(if $(filter bench,$@),5,1)
	@test/bench/turn.sh $(if $(filter bench,$@),5 0.5,2 0.3)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# The library's file has the whole version in its name; programs look for the soname's.
INSTALLED_SO = libeyelet.so.$(VERSION)
HEADERS     := $(wildcard include/*.h)

install: all
	install -D -m 755 $(BUILD)/eyelet $(DESTDIR)$(PREFIX)/bin/eyelet
	install -D -m 644 $(BUILD)/libeyelet.so $(DESTDIR)$(LIBDIR)/$(INSTALLED_SO)
	ln -sf $(INSTALLED_SO) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libeyelet.so
	install -D -m 644 $(BUILD)/libeyelet.a $(DESTDIR)$(LIBDIR)/libeyelet.a
	install -d $(DESTDIR)$(PREFIX)/include
	install -m 644 $(HEADERS) $(DESTDIR)$(PREFIX)/include
	install -D -m 644 src/man/eyelet.1 $(DESTDIR)$(PREFIX)/share/man/man1/eyelet.1
	install -D -m 644 src/man/eyelet-performance.7 \
		$(DESTDIR)$(PREFIX)/share/man/man7/eyelet-performance.7
	install -D -m 644 contrib/completions/eyelet.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/eyelet
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(UNITDIR)
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
		-e 's|@LDLIBS@|$(LDLIBS)|' packaging/libeyelet.pc.in \
		>$(DESTDIR)$(LIBDIR)/pkgconfig/libeyelet.pc
	sed 's|/usr/bin/eyelet|$(PREFIX)/bin/eyelet|' contrib/systemd/eyelet-rendezvous.service \
		>$(DESTDIR)$(UNITDIR)/eyelet-rendezvous.service

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/eyelet $(DESTDIR)$(LIBDIR)/libeyelet.* \
		$(DESTDIR)$(LIBDIR)/pkgconfig/libeyelet.pc \
		$(HEADERS:%=$(DESTDIR)$(PREFIX)/%) \
		$(DESTDIR)$(PREFIX)/share/man/man1/eyelet.1 \
		$(DESTDIR)$(PREFIX)/share/man/man7/eyelet-performance.7 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/eyelet \
		$(DESTDIR)$(UNITDIR)/eyelet-rendezvous.service

# The packages are built of a copy, whose debian/ has the version that is said above.
deb:
	@packaging/setup.sh deb
	@packaging/deb.sh $(VERSION)

clean:
	rm -rf build

-include $(CORE:.o=.d) $(NET:.o=.d) $(CMD:.o=.d) $(LIB:.o=.d) $(SIM:.o=.d) $(UNIT:=.d)
