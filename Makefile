# SPDX-License-Identifier: GPL-2.0-only

KERNEL	 ?= 6.12
XEN	 ?= 4.17
HOST_TSC ?= untrusted
GUEST	 ?= pv
TSC_MODE ?=
CMDLINE	 ?=
ACCEL	 ?= tcg
SERIES	 ?=
KDIR	 ?=
PART	 ?=
R	 ?=
CONFIG	 ?=
SIGNOFF	 ?=
TRAILERS ?=
RUNS	 ?=
MINUTES	 ?=
MUTANT	 ?=
T	 ?=
V	 ?=
ALL_KERNELS = $(shell grep -o '^[0-9][^[:space:]]*' series/kernels)
# The kernel, if somebody has named one
NAMED_KERNEL = $(if $(filter file,$(origin KERNEL)),,$(KERNEL))
export KERNEL XEN HOST_TSC GUEST TSC_MODE CMDLINE ACCEL RUNS MINUTES MUTANT T V
export SIGNOFF TRAILERS

# Debian's own tools, whatever else came first in PATH
export PATH := /usr/sbin:/usr/bin:/sbin:/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help boot check prove lab suites debug fuzz soak bench lab-mutants prefixes picture
.PHONY: kernel kernels probes parts other-kernels all-kernels series deb apply clean distclean

help:
	@echo 'The clocks of Xen guests: a Linux patch series, and a lab that boots it under Xen.'
	@echo
	@echo '  make boot    set up, build, boot a guest under Xen, report on its clocks'
	@echo '  make check   set up, build, and run all tests'
	@echo '  make lab     the matrix: hosts, modes and lifecycles, with the series and without;'
	@echo '               T= chooses cases as pytest -k does: T="4.14 and migrate"'
	@echo '  make suites  clock tests of others in guests, as T= chooses: of the kernel, stress-ng,'
	@echo '               PostgreSQL; with the series and without, before and after a restore'
	@echo '  make debug   guests whose kernel checks its locks and memory, through sleeps and jumps'
	@echo '  make prove   prove the policy and the arithmetic for all inputs, with CBMC'
	@echo '  make fuzz    drive the policy with random inputs; RUNS= says how many'
	@echo '  make soak    a busy guest whose TSC must be kept, for MINUTES=60'
	@echo '  make bench   what a read of the scheduler clock costs, with the series and without'
	@echo '  make lab-mutants puts errors into the series: each must be seen by a test; MUTANT= names some'
	@echo '  make prefixes builds each prefix of the series in configurations as T= chooses, and boots it'
	@echo '  make picture draws the picture of the README anew, from a run'
	@echo '  make kernel  build/$(KERNEL)/bzImage only (SERIES=none: build/$(KERNEL)-none/bzImage,'
	@echo '               PART=fixes: build/$(KERNEL)-fixes/bzImage, without the later parts)'
	@echo '  make all-kernels builds the series for each Linux that it is for: "make check" boots them then'
	@echo '  make series  the patches, for the newest kernel or KERNEL=, as git am takes them, as one'
	@echo '               diff, and as mails with a cover letter for each part. PART=fixes, watchdog,'
	@echo '               policy or ptp: the mails of that part; KDIR=...: made from your own source,'
	@echo '               anywhere; SIGNOFF="Name <mail>", TRAILERS="Tested-by: ...; Link: ..."'
	@echo '  make apply KDIR=...  apply the series to a kernel source of your own, by its version;'
	@echo '               PART=: up to the end of that part; R=1: take it off again'
	@echo '  make deb CONFIG=...  Debian packages of the kernel, from a configuration of your own'
	@echo '  make clean   remove build/; make distclean: downloads/ too'
	@echo
	@echo 'Variables and their values now:'
	@echo '  KERNEL=$(KERNEL)		Linux; series/kernels has the list'
	@echo '  XEN=$(XEN)		Xen, from Debian: 4.14, 4.17, 4.20'
	@echo '  HOST_TSC=$(HOST_TSC)	the host: its TSC is untrusted, trusted by Xen, itsc (shown to'
	@echo '			guests as invariant, too), or 1ghz (untrusted, of that rate)'
	@echo '  GUEST=$(GUEST)		kind of the guest: pv, pvh'
	@echo '  TSC_MODE=$(TSC_MODE)		tsc_mode of the guest: default, native, always_emulate'
	@echo '  CMDLINE=$(CMDLINE)		more for the command line of the guest, as xen_tsc_reliable=off'
	@echo '  ACCEL=$(ACCEL)		accelerator of QEMU'
	@echo '  V=$(V)			1: show the commands that run in dom0'

boot:
	@scripts/setup boot
	@python3 -m lab.boot --check
	@$(MAKE) -s kernels
	@python3 -m lab.boot

check:
	@scripts/setup check
	@$(MAKE) -s probes parts other-kernels
	@MUTANT= python3 -m pytest lab/tests

prove:
	@scripts/setup check
	@python3 -m lab.prove

lab:
	@scripts/setup check
	@$(MAKE) -s kernels
	@python3 -m lab.matrix_run

suites:
	@scripts/setup check
	@$(MAKE) -s kernels
	@python3 -m lab.suites_run

debug:
	@scripts/setup boot
	@scripts/kernel $(KERNEL) none
	@python3 -m lab.debug

fuzz:
	@scripts/setup check
	@scripts/kernel $(KERNEL)
	@python3 -m lab.fuzz

soak:
	@scripts/setup boot
	@$(MAKE) -s kernels
	@python3 -m lab.soak

lab-mutants:
	@scripts/setup check
	@$(MAKE) -s probes
	@python3 -m lab.mutants

prefixes:
	@scripts/setup check
	@$(MAKE) -s kernels
	@python3 -m lab.prefixes

bench:
	@scripts/setup check
	@$(MAKE) -s probes
	@python3 -m lab.bench

picture:
	@scripts/setup boot
	@$(MAKE) -s kernels
	@python3 -m lab.picture

kernel:
	@scripts/setup kernel
	@scripts/kernel $(KERNEL) $(SERIES) $(PART:%=part=%)

# With the series and without, to compare
kernels:
	@scripts/kernel $(KERNEL) none
	@scripts/kernel $(KERNEL)

# The same, and with the lab's probes in them, for tests.  First those without the
# series: it changes headers that most objects depend on
probes:
	@scripts/kernel $(KERNEL) none
	@scripts/kernel $(KERNEL) none probe
	@scripts/kernel $(KERNEL)
	@scripts/kernel $(KERNEL) probe

# Those with a part of the series and those before it only
parts:
	@scripts/kernel $(KERNEL) part=fixes probe
	@scripts/kernel $(KERNEL) part=watchdog

# The series on all kernels that it is for.  Of one that cannot be had any more the
# tests are skipped.
all-kernels:
	@scripts/setup kernel
	@for kernel in $(ALL_KERNELS); do \
		scripts/kernel $$kernel || [ $$? = 69 ] || exit; \
	done

# The same, but those that nobody has built are not: it takes too long
other-kernels:
	@for kernel in $(ALL_KERNELS); do \
		[ -f build/$$kernel/bzImage ] && part= || part=prepare; \
		scripts/kernel $$kernel $$part || [ $$? = 69 ] || exit; \
	done

series:
	@test -n '$(KDIR)' || scripts/setup series
	@scripts/mail $(NAMED_KERNEL) $(PART:%=part=%) $(if $(KDIR),'kdir=$(KDIR)')

# Packages for the users' own machines
deb:
	@test -n '$(CONFIG)' || { echo 'usage: make deb CONFIG=path/to/config [KERNEL=$(KERNEL)]' >&2; exit 1; }
	@scripts/setup deb
	@scripts/deb $(KERNEL) '$(CONFIG)'

apply:
	@test -n '$(KDIR)' || { echo 'usage: make apply KDIR=path/to/linux [KERNEL=] [PART=] [R=1]' >&2; exit 1; }
	@scripts/apply $(if $(R),-R) '$(KDIR)' $(NAMED_KERNEL) $(PART:%=part=%)

clean:
	rm -rf build

distclean: clean
	rm -rf downloads
