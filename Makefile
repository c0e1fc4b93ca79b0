# Two commands do all the set-up: `make run` and `make test`. The rest are the verbs of daily work.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
AS_ROOT := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo -E)
SEEDS   ?= 2000
START   ?= 0
STEPS   ?= 200
PORT    ?= 8000
WORKERS ?= 2
# The slow tests wait for machines a good part of their time: they have one worker more.
PYTEST   = $(AS_ROOT) $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder

# The same tests on a PostgreSQL of their own. Worth their time (75 s on two cores): all of tests/clusters that
# works with rows, and of the portal what asks a database for more than rows by their keys: searches and sorting in
# any script, pages and filters of lists, JSON, locks, what must be unique. The rest has shown nothing new there and
# takes six minutes more: `make test-postgresql`.
ON_POSTGRESQL = $(AS_ROOT) $(BIN)/python -m tests.postgresql $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
SQL_TESTS    := $(addprefix tests/portal/,test_search.py test_lists.py test_audit.py test_jobs.py test_tenants.py test_roles.py \
                test_invitations.py test_check_page.py alerts/test_incidents.py alerts/test_forks.py api/test_idempotency.py)

# Hundreds of processes are started here: what Python has compiled once, it keeps.
unexport PYTHONDONTWRITEBYTECODE

RUN_PACKAGES  := python3-venv postfix postfix-pcre postfix-lmdb gettext openssh-client
TEST_PACKAGES := $(RUN_PACKAGES) chromium fonts-inter fonts-noto-cjk iproute2 postgresql swaks

.PHONY: help run machines test test-postgresql simulate bench screenshots requirements install install-dev messages extract lint format types check wheel licences clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: install ## the portal with demo clusters on loopback; Ctrl-C ends all of it
	$(AS_ROOT) $(BIN)/gatefold demo --port $(PORT)

machines: install ## the demo's machines and mail without the portal, after a first `make run`
	$(AS_ROOT) $(BIN)/gatefold demo --machines-only

test: install-dev check ## everything: style, types, fast tests (those of clusters/ with coverage, some on PostgreSQL too), then the slow ones
	$(PYTEST) -n $(WORKERS) -m "not slow" tests/clusters --cov=clusters --cov-branch --cov-fail-under=100 --cov-report=term
	$(ON_POSTGRESQL) -n $(WORKERS) -m "database and not slow and not browser" tests/clusters $(SQL_TESTS)
	$(PYTEST) -n $(WORKERS) -m "not slow and not browser" --ignore=tests/clusters
	$(PYTEST) -n $$(($(WORKERS) + 1)) -m "slow or browser"
	@$(AS_ROOT) mkdir -p var
	@(git describe --always --dirty --abbrev=40 2>/dev/null || echo unknown) | $(AS_ROOT) tee var/tested

test-postgresql: install-dev ## all fast tests of clusters/ and portal/ on a PostgreSQL of their own
	$(ON_POSTGRESQL) -n $(WORKERS) -m "database and not slow and not browser" tests/clusters tests/portal

simulate: install-dev ## replicas under a hostile network: SEEDS=n START=first STEPS=n
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(START) --steps $(STEPS)

bench: install-dev ## measure what docs/benchmarks.md states
	$(AS_ROOT) $(BIN)/python -m bench

requirements: install-dev ## each requirement, its tests and the state of their last run: OPEN=1 for what has none
	$(BIN)/python -m tests.rows $(if $(OPEN),--open)

screenshots: install-dev ## every page of the running demo: the best to docs/screenshots, the rest to var/screenshots
	$(BIN)/gatefold portal screenshots --portal http://127.0.0.1:$(PORT)

install: $(VENV)/.run messages ## what `make run` needs
install-dev: $(VENV)/.dev messages ## what `make test` needs

$(BIN)/python:
	install/debian-packages $(RUN_PACKAGES)
	$(PYTHON) -m venv $(VENV)

# `--editable .` puts the command `gatefold` of this checkout into the environment.
$(VENV)/.run: requirements.txt pyproject.toml | $(BIN)/python
	install/debian-packages $(RUN_PACKAGES)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt --editable .
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt pyproject.toml | $(BIN)/python
	install/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt --editable .
	@touch $@ $(VENV)/.run

messages: locale/ja/LC_MESSAGES/django.mo ## compile the translations

extract: ## collect the strings of the code for the translators
	$(BIN)/python manage.py makemessages -l ja --no-location --no-obsolete \
	    --ignore .venv --ignore var --ignore tests --ignore bench

%.mo: %.po
	msgfmt --check-format -o $@ $<

lint: ## ruff, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: ## ruff, mending what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: ## mypy over everything, strict where no Django is imported
	$(BIN)/mypy

check: lint types ## style and types

wheel: install-dev ## the package gatefold-gateway with the command `gatefold`, in dist/
	$(BIN)/python -m hatchling build -t wheel -d dist

licences: install-dev ## docs/licences.md: what Gatefold depends on and brings along, with its licences
	$(BIN)/python -m tests.licences

clean: ## remove the demo's state, which `make run` makes again
	$(AS_ROOT) rm -rf var
