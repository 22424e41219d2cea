# Two commands: `make demo` and `make test`. Each does its own set-up; again is quick and harmless.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
DOCS := $(VENV)/docs
SQL_CHECKED := $(VENV)/.sql_checked
# The schema's functions are strings to a linter; sql/spark/ is written from the others, in another dialect.
SQL := $(shell find sql -name '*.sql' -not -path 'sql/migrations/*' -not -path 'sql/schema/*' -not -path 'sql/spark/*')

.PHONY: demo test test-long bench install engines spark check docs diagrams pictures pictures-of-years reference format lock clean

demo: $(RUNTIME)
	@$(BIN)/eventflow demo $(ARGS)

# Twice as many workers as the smallest machine has cores: half of the time goes into waiting for servers to start.
test: install
	@$(BIN)/python -m pytest -n $(or $(WORKERS),4) --dist worksteal $(ARGS)

# Hours: clicks through Dagster's pages, years of days by one click, a hundred crashes, a hundred rounds of eight
# processes, the SQL of each rule changed to see a test fail.
test-long: install
	@$(BIN)/python -m pytest -n 0 -s -m long $(ARGS)

# Minutes; writes docs/benchmarks.md. ARGS="name …" runs some only.
bench: install
	@$(BIN)/python -m benchmarks $(ARGS)

install: $(DEVELOPMENT)

# The second engine (EVENTFLOW_ENGINE=spark) and its tests: Spark's client and Sail, beside all else.
engines: install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock

# Spark itself, half a gigabyte, for the test with a driver and two executors; Java 17 is the system's.
spark: engines
	@test -d $(VENV)/spark/jars || { echo "Installing Spark into $(VENV)/spark …" && rm -rf build/spark && \
		$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest build/spark \
			--require-hashes -r requirements-spark-server.lock && \
		mkdir -p $(VENV)/spark.new && tar -xzf build/spark/pyspark-*.tar.gz -C $(VENV)/spark.new --strip-components=2 \
			--wildcards 'pyspark-*/deps/*' && mv $(VENV)/spark.new $(VENV)/spark && rm -rf build/spark; }

define install_locked
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make install PYTHON=python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing $(1) into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endef

# What the demo and a server need: no test tool.
$(RUNTIME): requirements.lock pyproject.toml
	$(call install_locked,$<)
	@touch $@

# The same versions and all tools beside them, so that whoever has these has those.
$(DEVELOPMENT): requirements-dev.lock requirements.lock pyproject.toml
	$(call install_locked,$<)
	@touch $(RUNTIME) $@

# Dagster's own tool, with a home of its own: without a database, and nothing is reported to anybody.
DG = mkdir -p $(VENV)/dagster && echo 'telemetry: {enabled: false}' >$(VENV)/dagster/dagster.yaml && \
	DAGSTER_HOME=$(CURDIR)/$(VENV)/dagster VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/dg

# Lint (Python and SQL), format, types, the direction of dependencies, whether sql/spark/ says what sql/numbers/ does,
# and whether Dagster can load the definitions.
check: install $(SQL_CHECKED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m eventflow_pipeline.dev.spark_statements --check
	@$(DG) check defs >$(VENV)/dg.log 2>&1 || { cat $(VENV)/dg.log >&2; exit 1; }

# Again only after SQL has changed. The warning it would print is about its own processes.
$(SQL_CHECKED): $(SQL) $(DEVELOPMENT)
	@PYTHONWARNINGS=ignore $(BIN)/sqlfluff lint --processes 2 --disable-progress-bar $(SQL)
	@touch $@

# The pages as a site, in build/site; a dead link is an error. In an environment of its own.
docs: $(DOCS)/.installed
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet

$(DOCS)/.installed: requirements-docs.lock
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# After a diagram of a page was changed; needs npm and Chromium.
diagrams: install
	@$(BIN)/python docs/diagrams.py

# The pages' pictures, from what `make demo` left; ARGS="overview why" some only. Needs Chromium.
pictures: install
	@$(BIN)/python docs/pictures.py $(ARGS)

# Those of Dagster's pages over three years, of an installation made for it, and how long each takes to load. Minutes.
pictures-of-years: install
	@$(BIN)/python docs/pictures_of_years.py $(ARGS)

# After a command's help or a setting was changed: the pages that are made of them.
reference: install
	@$(BIN)/python docs/reference.py

format: install
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python -m eventflow_pipeline.dev.spark_statements

# The lock files after a change of pyproject.toml; pins that still fit stay. ARGS=--upgrade: the newest versions.
LOCK = $(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 \
	--no-strip-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet
lock:
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv; }
	@$(LOCK) $(ARGS) pyproject.toml --group build --extra dev --output-file requirements-dev.lock
	@$(LOCK) pyproject.toml --group build --extra local --extra capture --extra report --extra serve \
		--constraints requirements-dev.lock --output-file requirements.lock
	@$(LOCK) $(ARGS) --group docs --output-file requirements-docs.lock
	@$(LOCK) $(ARGS) pyproject.toml --extra spark --constraints requirements-dev.lock --output-file requirements-spark.lock

clean:
	rm -rf $(VENV) .eventflow .mypy_cache .ruff_cache .hypothesis build dist
