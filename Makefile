# Two commands do everything on a fresh machine with Python 3.11+ and make:
#   make demo    set up, show the model in the box and an estimator that learns; 5 minutes
#   make test    set up, run the tests
PYTHON ?= python3
SEED ?= 0
BIN := .venv/bin
# What `make test-matrix` runs, a few minutes, and what it is run with.
QUICK := tests/test_packaging.py tests/degradation tests/imaging tests/losses tests/metrics \
	tests/networks tests/restore tests/tasks
MATRIX_EXTRAS := dev,metrics,arches,onnx
export NO_ALBUMENTATIONS_UPDATE = 1
export MPLBACKEND = agg
# Threads that spin while waiting make small networks five times slower on a busy machine.
export OMP_WAIT_POLICY = passive
# Keep freed memory: glibc hands it back after every step, and fetching it again takes a fifth of
# the time of a training with discriminators.
export MALLOC_TRIM_THRESHOLD_ = 4000000000
export MALLOC_MMAP_THRESHOLD_ = 4000000000
# Keep compiled modules whatever the shell wants: without them each process that imports Lightning
# compiles it, torch and SymPy anew, for eight seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: small-model help setup demo demo-full test test-all test-matrix lint docs clean

help:
	@echo "make demo      the model in the box, and an estimator from scratch (5 minutes on 2 cores)"
	@echo "make demo-full train all three stages, small, on embedded scenes (10 to 20 minutes)"
	@echo "make test      run the tests"
	@echo "make test-all  run the tests and those that take minutes"
	@echo "make small-model  train the model in the box anew (about 4 hours on 2 cores) -> small.safetensors"
	@echo "make test-matrix  the quick part on Python 3.12, 3.13 and with the lowest versions (20 minutes)"
	@echo "make lint      ruff and mypy"
	@echo "make docs      the site of docs/ -> site/index.html"
	@echo "make setup     only create .venv (the others do it when needed)"

setup: .venv/ready

# The standard library makes the environment, pip puts uv into it, uv installs everything else.
.venv/ready: pyproject.toml constraints.txt
	@echo "Setting up .venv (once, a minute or two and about 8 GB of disk)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--editable '.[dev,docs,metrics,arches,onnx,diffusion,serve,shards]'
	@touch $@

demo: setup
	@$(BIN)/blindsr demo -o demo --seed $(SEED)

demo-full: setup
	@$(BIN)/blindsr demo --full -o demo --seed $(SEED)

small-model: setup
	@echo "Training the estimator of blur and the restorer of the model in the box, seed 0"
	@for part in blur blur_sr blur_lr blind wide data_step; do \
		$(BIN)/lightning fit -c experiments/small_$$part.yaml || exit 1; done
	@$(BIN)/blindsr convert export logs/small_data_step/last.ckpt \
		--trained-for "photographs, clean or with noise and JPEG, defocus up to 2 pixels" \
		--not-for "motion blur, wider blur, inventing texture" -o small.safetensors

test: setup
	@echo "Running the tests (make test-all adds the slow ones)"
	@$(BIN)/python -m pytest -m "not slow"

test-all: setup
	@echo "Running all tests"
	@$(BIN)/python -m pytest

# One environment of 6 GB after the other. With the lowest versions a warning is no error: old packages
# warn of newer ones beside them.
test-matrix: setup
	@for python in 3.12 3.13; do \
		$(BIN)/uv python find --quiet --no-python-downloads $$python >/dev/null 2>&1 || { \
			echo "Python $$python: not on this machine; \`uv python install $$python\` brings it"; \
			continue; }; \
		echo "Python $$python"; \
		$(BIN)/uv venv --quiet --clear --python $$python .matrix && \
		$(BIN)/uv pip install --quiet --python .matrix/bin/python --constraint constraints.txt \
			--editable '.[$(MATRIX_EXTRAS)]' && \
		.matrix/bin/python -m pytest -m "not slow" $(QUICK) || exit 1; done
	@echo "Lowest versions"
	@$(BIN)/uv venv --quiet --clear --python 3.11 .matrix
	@$(BIN)/uv pip install --quiet --python .matrix/bin/python --resolution lowest-direct \
		--editable '.[$(MATRIX_EXTRAS)]'
	@.matrix/bin/python -m pytest -m "not slow" -W default $(QUICK)
	@rm -rf .matrix

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# NO_MKDOCS_2_WARNING: an announcement of the theme, which is no warning about our pages.
docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "site/index.html"

clean:
	rm -rf .venv .matrix demo logs site
