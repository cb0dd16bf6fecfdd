# `make run` and `make test` need Python 3.11 or later and nothing else; `make e2e` Node, Chromium, PgBouncer and nginx, too.

VENV := .venv
BIN := $(VENV)/bin
# That of the virtual environment, where there is one; with another, as in `make PYTHON=python3.13`, it is made anew.
ifndef PYTHON
PYTHON := $(shell $(BIN)/python -c 'print("$(BIN)/python")' 2>/dev/null || echo python3)
endif
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ITSELF := $(BIN)/python$(VERSION)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test quick e2e bench check coverage lint types audit format clean

run: $(BIN)/.run-$(VERSION) .env
	@FLASK_SKIP_DOTENV=1 $(BIN)/flask db upgrade # which reads .env itself, and may not be able to
	@port=$$($(BIN)/python -c 'from todo_service.config import Settings; print(Settings.load().port)') && \
	printf '%s\n' \
	  '' \
	  "The service will listen on http://localhost:$$port (its documentation: /docs)." \
	  'Your first calls, in another terminal and in this directory:' \
	  '' \
	  '  TOKEN=$$($(BIN)/flask token ada)' \
	  "  curl -X POST http://localhost:$$port/api/tasks -H \"Authorization: Bearer \$$TOKEN\" \\" \
	  "       -H 'Content-Type: application/json' -d '{\"title\": \"Pay rent\"}'" \
	  "  curl http://localhost:$$port/api/tasks -H \"Authorization: Bearer \$$TOKEN\"" \
	  ''
	@exec $(BIN)/gunicorn wsgi:app

# A file's tests stay in one process, and share the servers that they start. Files keep their order, or slow ones of
# few tests would come last.
TESTS := pytest -n 2 --dist loadfile --no-loadscope-reorder
test: $(BIN)/.dev-$(VERSION)
	@$(BIN)/$(TESTS)

# What shows that a Python will do: calls in process, a start of the server, the README's first call.
QUICK := api/test_errors auth/test_tokens ops/test_cli ops/test_logs ops/test_server tasks/test_tasks test_readme
quick: $(BIN)/.quick-$(VERSION)
	@$(BIN)/python -m pytest -k 'not postgresql' $(QUICK:%=tests/%.py)

# Needs Node, Chromium, PgBouncer and nginx too (apt-get install nodejs npm chromium pgbouncer nginx-light).
e2e: $(BIN)/.dev-$(VERSION)
	@$(BIN)/pytest e2e
	@$(BIN)/pytest tests -m pooled -k postgresql --behind-pgbouncer

# Three quarters of an hour; better with wrk (apt-get install wrk) and Node. OPTIONS=--help tells how to shorten it.
bench: $(BIN)/.bench-$(VERSION)
	@$(BIN)/python -m benchmarks $(OPTIONS)

check: lint types audit coverage

# The tests, and how much of the service they have run.
coverage: $(BIN)/.dev-$(VERSION)
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m $(TESTS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(BIN)/.dev-$(VERSION)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(BIN)/.dev-$(VERSION)
	@$(BIN)/mypy

# What can be said of the packages without asking anybody: they fit together, and all are installed.
audit: $(BIN)/.dev-$(VERSION)
	@$(BIN)/python -m pip check --disable-pip-version-check

format: $(BIN)/.dev-$(VERSION)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .coverage_cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A secret of this machine's own; nothing falls back to a known one.
.env:
	@umask 077 && secret=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(32))') && \
	  sed "s/^BETTER_AUTH_SECRET=.*/BETTER_AUTH_SECRET=$$secret/" .env.example > .env
	@echo 'Wrote .env with a new BETTER_AUTH_SECRET.'

$(ITSELF):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv --clear $(VENV)

$(BIN)/.run-$(VERSION): requirements.txt | $(ITSELF)
	@echo 'Installing what the service needs ...'
	@$(PIP) -r requirements.txt
	@touch $@

$(BIN)/.quick-$(VERSION): Makefile requirements.txt requirements-dev.txt | $(ITSELF)
	@$(PIP) -r requirements.txt $$(grep -Eo '^(httpx|jsonschema|openapi-spec-validator|psutil|pytest)==[^ ]+' requirements-dev.txt)
	@touch $@

$(BIN)/.dev-$(VERSION): requirements.txt requirements-dev.txt | $(ITSELF)
	@echo 'Installing what the tests need ...'
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(BIN)/.run-$(VERSION)

$(BIN)/.bench-$(VERSION): benchmarks/requirements.txt $(BIN)/.dev-$(VERSION)
	@echo 'Installing what the benchmarks need ...'
	@$(PIP) -r benchmarks/requirements.txt
	@touch $@
