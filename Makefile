# One door: `make help` lists what can be asked for.

PYTHON ?= python3
UV_VERSION := 0.13.9
QEMU_PACKAGES := qemu-utils qemu-system-common
LIBVIRT_PACKAGES := libvirt-daemon-system libvirt-clients qemu-system-x86
CHROMIUM_PACKAGES := chromium fonts-dejavu-core

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
WHOLE := $(VENV)/.whole-stamp

# What the caller's shell is set up for must not leak into this environment.
unexport $(filter PYTHON% VIRTUAL_ENV CONDA% __PYVENV_LAUNCHER__,$(.VARIABLES))
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_VIRTUALENV PIP_NO_COMPILE
unexport UV_NO_SYNC UV_NO_DEV UV_NO_DEFAULT_GROUPS UV_NO_EDITABLE UV_OFFLINE UV_WORKING_DIR UV_PROJECT

export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON := $(BIN)/python
export UV_PYTHON_DOWNLOADS := never

# uv trusts its own list of authorities; a company's proxy is known to the system's list only.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),)
export UV_SYSTEM_CERTS := 1
endif

need_room = test -w . || { \
		echo "make: '$(CURDIR)' cannot be written to, and the environment and caches go there:" \
			"copy it to where you can write, and run make there" >&2; exit 2; }

STATIC := "ruff check ." "ruff format --check ." "mypy" "lint-imports --no-logo"

# Run every step, then fail if any of them did: one call shows all that is wrong.
run_each = @failed=; for step in $(1); do \
		echo "== $$step"; $(BIN)/$$step || failed="$$failed [$$step]"; \
	done; test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup writable demo test check verify judge record tree inside bench lab outs clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup: $(STAMP) ## create .venv with what uv.lock names; does nothing when that is done
	@:

# Environment and caches go into the checkout.
writable:
	@$(need_room)

demo: setup ## play the scenario of the 2018 mail
	@$(BIN)/backup-timeline demo

test: writable $(WHOLE) ## everything: style, types, layers, tests; installs QEMU, libvirt, Chromium where it may
	@$(install_qemu)
	@$(install_libvirt)
	@$(install_chromium)
	$(call run_each,$(STATIC) "pytest -n 4 --dist worksteal --durations=10")

check: writable $(WHOLE) ## the static part of test
	$(call run_each,$(STATIC))

verify: setup ## play N=1000 random timelines on a real QEMU, and agree on each; SEED=1 for the same, WITH=libvirt; ALL=4: all of four steps over a small alphabet
	@$(install_qemu)
	@$(BIN)/python -m tests.differential $(if $(ALL),all $(ALL),$(or $(N),200) "$(SEED)" $(or $(WITH),qemu))

judge: setup ## judge N=10000 random timelines of each model by content: is all said that is wrong, and nothing else; SEED=1, MODEL=qemu
	@$(BIN)/python -m tests.judging $(or $(N),1000) "$(SEED)" $(MODEL)

record: setup ## play the timelines of tests/recordings on what is installed and write down what it does; WITH=qemu, libvirt or arguments
	@$(install_qemu)
	@$(install_libvirt)
	@$(BIN)/python -m tests.recordings $(WITH)

tree: ## install another release of Debian, with its QEMU and libvirt, into .trees: SUITE=trixie or sid; TREES=/var/trees, MIRROR=URL
	@$(need_suite)
	@test -e "$(TREE)/$(READY)" || { $(need_root); $(install_mmdebstrap); $(make_tree); }

inside: ## make something in such a tree, by its own QEMU, libvirt and Python: SUITE=trixie DO="verify N=100"
	@$(need_suite)
	@test -e "$(TREE)/$(READY)" || { \
		echo "make inside: there is no tree '$(TREE)': make tree SUITE=$(SUITE)" >&2; exit 2; }
	@$(need_root)
	@unshare --mount --pid --fork --kill-child sh -euc '$(enter_tree)'

bench: setup ## measure the figures that README.md quotes, each beside its peer
	@$(install_qemu)
	@$(BIN)/python -m tests.benchmarks

lab: $(WHOLE) ## open the course in JupyterLab
	@$(BIN)/jupyter lab notebooks

outs: setup ## write the recorded findings of scenarios/flagged, docs/versions.md, docs/policies.md and share/ anew, for you to judge
	@for file in scenarios/flagged/*.yaml; do \
		$(BIN)/backup-timeline check $$file >$${file%.yaml}.out; \
	done; $(BIN)/python -c 'from simulator.pipeline.upgrades import write_versions; \
		print(write_versions(), end="")' >docs/versions.md; \
	$(BIN)/backup-timeline models --reference >docs/policies.md; \
	$(BIN)/python -m simulator.cli.manual .; \
	git diff --stat -- scenarios/flagged docs/versions.md docs/policies.md share 2>/dev/null || \
		echo "there is no git history here that would show what changed in scenarios/flagged"

clean: ## remove .venv and every cache
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -path ./.trees -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp goes first and comes back last, so that a setup that stopped midway starts again.
$(STAMP): pyproject.toml uv.lock Makefile
	@$(need_room)
	@echo "setting up $(VENV)"; rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make setup: '$(PYTHON)' is missing or older than Python 3.11;" \
			"name another one: make setup PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(install_venv)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv sync --quiet --frozen --inexact --compile-bytecode
	@$(BIN)/python -m compileall -q simulator
	@touch $@

# What only the tests, pictures and notebooks need.
$(WHOLE): $(STAMP)
	@rm -f $@
	@$(BIN)/uv sync --quiet --frozen --inexact --compile-bytecode --all-extras --all-groups
	@touch $@

# Somebody else may be installing, such as a second `make test`.
APT_WAITS := -o DPkg::Lock::Timeout=600

# How to install Debian's packages where it may be done; empty elsewhere.
find_apt = apt=; \
		if command -v apt-get >/dev/null; then \
			if [ "$$(id -u)" = 0 ]; then apt="env DEBIAN_FRONTEND=noninteractive apt-get $(APT_WAITS)"; \
			elif sudo -n true 2>/dev/null; then \
				apt="sudo -n env DEBIAN_FRONTEND=noninteractive apt-get $(APT_WAITS)"; fi; \
		fi

# Debian ships venv apart from Python.
install_venv = { $(find_apt); \
		if [ -z "$$apt" ]; then \
			echo "make setup: '$(PYTHON)' has no venv module; install it first" \
				"(Debian: apt-get install python3-venv)" >&2; \
			exit 1; \
		fi; \
		$$apt update -qq && $$apt install -qq -y --no-install-recommends python3-venv; }

# Install packages unless all programs are there; a daemon's program is in no user's path.
# Where they cannot be, the tests that need them skip and say so; REQUIRE_REAL=1 makes them fail.
install = for program in $(1); do \
		PATH="$$PATH:/usr/sbin:/sbin" command -v $$program >/dev/null || missing=yes; \
	done; \
	if [ -n "$$missing" ]; then $(find_apt); \
		if [ -n "$$apt" ]; then \
			$$apt update -qq; $$apt install -qq -y --no-install-recommends $(2) || \
				echo "make test: cannot install $(2)" >&2; \
		fi; \
	fi

install_qemu = $(call install,qemu-img qemu-io qemu-nbd qemu-storage-daemon,$(QEMU_PACKAGES))
install_libvirt = $(call install,libvirtd virsh qemu-system-x86_64,$(LIBVIRT_PACKAGES))
install_chromium = $(call install,chromium,$(CHROMIUM_PACKAGES))

# Trees of other releases. A tree is a folder with a whole Debian in it, and an environment of its
# own Python; the checkout is bound into it. All that is mounted is so in a namespace of its own,
# which goes, with every process in it, when make ends or is killed. The shell stays, since in there
# it is the one that must take note of the ends of processes that nobody waits for.
TREES := .trees
TREE = $(abspath $(TREES))/$(SUITE)
READY := .ready
TREE_PACKAGES := ca-certificates make python3 python3-venv $(QEMU_PACKAGES) $(LIBVIRT_PACKAGES)
comma := ,
listed = $(subst $() ,$(comma),$(strip $(1)))

need_suite = test -n "$(SUITE)" || { \
		echo "make $@: say which release of Debian: make $@ SUITE=trixie" >&2; exit 2; }
need_root = test "$$(id -u)" = 0 || { \
		echo "make $@: only root may make a tree or enter it: sudo make $@ ..." >&2; exit 2; }
install_mmdebstrap = $(call install,mmdebstrap,mmdebstrap); \
	command -v mmdebstrap >/dev/null || { \
		echo "make tree: mmdebstrap is missing; install it first" \
			"(Debian, Ubuntu: apt-get install mmdebstrap)" >&2; exit 2; }

make_tree = echo "installing $(SUITE) into $(TREE)"; mkdir -p "$(TREES)"; rm -rf "$(TREE)"; \
	unshare --mount mmdebstrap --quiet --variant=minbase \
		$(if $(STALE),--aptopt='Acquire::Check-Valid-Until "false"') \
		--include=$(call listed,$(TREE_PACKAGES)) $(SUITE) "$(TREE)" $(MIRROR) || { \
		rm -rf "$(TREE)"; \
		echo "make tree: $(SUITE) was not installed, see above;" \
			"MIRROR=URL takes another mirror, STALE=yes one that is out of date" >&2; \
		exit 2; }; \
	touch "$(TREE)/$(READY)"

# Names and certificates are the host's, since a company's proxy is known to it only.
enter_tree = mkdir -p "$(TREE)/checkout"; mount --bind "$(CURDIR)" "$(TREE)/checkout"; \
	mount -t proc proc "$(TREE)/proc"; \
	mount --rbind /dev "$(TREE)/dev"; mount --rbind /sys "$(TREE)/sys"; \
	for file in /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do \
		if test -e "$$file"; then touch "$(TREE)$$file"; mount --bind "$$file" "$(TREE)$$file"; fi; \
	done; \
	chroot "$(TREE)" env -u TMPDIR HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		make --no-print-directory -C /checkout PYTHON=python3 VENV=/venv $(or $(DO),help); \
	exit $$?
