# SPDX-License-Identifier: GPL-2.0-only
#
# The front door of ./xen-lab: each variable is one of its options, and a command
# refuses those that it does not have.

VALUES = KERNEL:kernel XEN:xen HOST_TSC:host GUEST:guest TSC_MODE:tsc-mode \
	 CMDLINE:cmdline PART:part KDIR:kdir SERIES:series SIGNOFF:signoff \
	 TRAILERS:trailers CONFIG:config SET:set
# Each of these is 1 or nothing
FLAGS = V:verbose R:reverse

# What was given on make's command line and is not empty, as NAME:option
name = $(firstword $(subst :, ,$1))
option = $(lastword $(subst :, ,$1))
is_given = $(findstring command,$(origin $(call name,$1)))
given = $(foreach pair,$1,$(if $(call is_given,$(pair)),$(if $($(call name,$(pair))),$(pair))))
quoted = '$(subst ','\'',$($(call name,$1)))'

unknown := $(filter-out $(foreach pair,$(VALUES) $(FLAGS),$(call name,$(pair))), \
	     $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name))))
ifneq ($(strip $(unknown)),)
$(error there is no variable $(strip $(unknown)), but there are $(foreach pair,$(VALUES) $(FLAGS),$(call name,$(pair))))
endif

wrong := $(foreach pair,$(call given,$(FLAGS)),$(if $(filter-out 1,$($(call name,$(pair)))),$(call name,$(pair))))
ifneq ($(strip $(wrong)),)
$(error $(strip $(wrong))= can be 1, or is left out)
endif

OPTIONS = $(foreach pair,$(call given,$(VALUES)),--$(call option,$(pair))=$(call quoted,$(pair))) \
	  $(foreach pair,$(call given,$(FLAGS)),--$(call option,$(pair)))

# Debian's own tools, whatever else came first in PATH
export PATH := /usr/sbin:/usr/bin:/sbin:/bin:$(PATH)
unexport MAKEFLAGS MAKEOVERRIDES
LAB = @command -v python3 > /dev/null || scripts/setup python; ./xen-lab

.PHONY: help boot check prove bench kernel kit series apply deb tool deb-tool clean distclean

help:
	@echo 'The clocks of Xen guests: a Linux patch series, and a lab that boots it under Xen.'
	@echo
	@echo '  make boot       boot a guest with the series and one without, and report on them'
	@echo '  make check      run all tests'
	@echo '  make bench      measure what reads of clocks and a tick cost'
	@echo '  make prove      prove the policy and the arithmetic for all inputs'
	@echo '  make kernel     build a kernel for the lab, in build/'
	@echo '  make kit        pack guests, and a script that runs them on any Xen host, in build/'
	@echo '  make series     write the patches, for git am, as one diff, and as mails'
	@echo '  make apply      apply the series to the kernel source in KDIR=; R=1 takes it off'
	@echo '  make deb        build Debian packages of the kernel, configured by CONFIG= SET='
	@echo '  make tool       build xen-clock, the users'"'"' tool, in build/tool/'
	@echo '  make deb-tool   build the Debian package of it, with units for systemd'
	@echo '  make clean      remove build/; make distclean: downloads/ too'
	@echo
	@echo 'Each installs the Debian packages that it needs, and builds what it boots.'
	@echo 'These are commands of ./xen-lab, which has more: see ./xen-lab --help. Its options'
	@echo 'are variables of make, such as KERNEL=, XEN=, HOST_TSC=, GUEST=, TSC_MODE=, CMDLINE=:'
	@echo '"make boot XEN=4.20" is "./xen-lab boot --xen 4.20".'

boot check prove bench kernel kit series apply deb:
	$(LAB) $@ $(OPTIONS)

tool:
	@$(MAKE) -s -C tools/xen-clock O=$(CURDIR)/build/tool
	@echo build/tool/xen-clock

deb-tool:
	@scripts/setup deb-tool
	@scripts/deb-tool

clean:
	rm -rf build

distclean: clean
	rm -rf downloads
