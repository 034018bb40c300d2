# Two commands do all the set-up: `make figures` and `make test`.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := figures
.PHONY: figures smoke resume restore verify cluster gallery test test-kernels test-fast test-slurm test-gpu test-faults test-browser test-docs fuzz lint format bench calibration lock docs clean

PYTHON ?= python3
# nproc would answer with OMP_NUM_THREADS where a shell sets it.
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# As many GPU jobs at once as there are GPUs.
GPUS ?= $(shell nvidia-smi -L 2>/dev/null | wc -l)
LIMITS = $(if $(filter-out 0,$(GPUS)),--resources gpu=$(GPUS))
# Bars on a terminal, lines in a file; the log of a job that failed.
SHOWN = --show-failed-logs $(if $(shell [ -t 2 ] && echo yes),--logger rich,--quiet reason)
BIN := $(CURDIR)/.venv/bin
# Imports are compiled once, not in every job; the environment of a caller does not leak in.
export PATH := $(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE :=
unexport PYTHONPATH VIRTUAL_ENV

# uv for speed, pip if uv cannot be had or fails.
define install
	.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r $(1) \
	|| .venv/bin/python -m pip install --quiet --require-hashes -r $(1)
endef

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check uv || echo "uv cannot be had: using pip"

# For drivers of NVIDIA below 580, in a fresh checkout: make figures CUDA=12
CUDA ?=
LOCK = envs/requirements$(if $(CUDA),-cuda$(CUDA)).lock

.venv/.run: $(LOCK) | .venv/bin/python
	$(call install,$(LOCK))
	echo "$(CURDIR)/workflow" > "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/weightscape.pth"
	printf '#!/bin/sh\nexec "%s/python" -m weightscape.cli "$$@"\n' "$(BIN)" > .venv/bin/weightscape
	chmod +x .venv/bin/weightscape
	touch $@

.venv/.dev: envs/requirements-dev.lock .venv/.run
	$(call install,envs/requirements-dev.lock)
	touch $@

# Another study than that of config.yaml: make figures STUDY=smoke
STUDY ?=
CONFIGFILE = $(if $(STUDY),--configfile workflow/studies/$(STUDY).yaml)

## figures: run the study of config.yaml, or another, and print where its report is
figures: .venv/.run
	snakemake --cores $(CORES) $(LIMITS) $(SHOWN) $(CONFIGFILE)
	echo "The report is $(CURDIR)/results$(if $(STUDY),/studies/$(STUDY))/8_report/report.html"

## smoke: the same workflow at toy sizes
smoke: .venv/.run
	snakemake --cores $(CORES) $(LIMITS) $(SHOWN) --configfile workflow/studies/smoke.yaml
	echo "The report is $(CURDIR)/results/studies/smoke/8_report/report.html"

## resume: continue a study after a kill or a power cut, when nobody works on it any more
resume: .venv/.run
	weightscape resume --cores $(CORES) $(CONFIGFILE) $(if $(LIMITS),-- $(LIMITS))

## restore: make missing intermediate files again
restore: .venv/.run
	weightscape restore --cores $(CORES) $(CONFIGFILE) $(if $(LIMITS),-- $(LIMITS))

## verify: name every result that is stale, tampered with, missing or extra
verify: .venv/.run
	weightscape verify results$(if $(STUDY),/studies/$(STUDY)) $(CONFIGFILE)

## cluster: start or resume a study on Slurm, as in make cluster STUDY=paper (workflow/profiles/slurm/README.md)
cluster: .venv/.run
	weightscape cluster $(if $(STUDY),--study $(STUDY)) $(if $(PROFILE),--profile $(PROFILE)) $(if $(LEFT),--left $(LEFT)) $(if $(MEASURED),--measured $(MEASURED)) -- $(ARGS)

## gallery: the pictures of the README, from the results of config.yaml's study
gallery: .venv/.dev
	mkdir -p results/example
	python tests/browser/gallery.py results results/example

## test: lint and tests; the files of whole studies first, so that no worker ends with one
test: lint
	pytest -n $(CORES) --dist loadfile --no-loadscope-reorder tests/pipeline tests/faults tests/pages tests/benchmarks tests/unit

## test-kernels: the numerical tests under each kernel of OpenBLAS that the CPU has
test-kernels: .venv/.dev
	python tests/kernels.py --workers $(CORES)

## test-fast: the unit tests that start no process and draw no whole figure, in two minutes
test-fast: .venv/.dev
	pytest -n $(CORES) --dist loadfile -m "not process and not slow" tests/unit

## test-slurm: the workflow on a real Slurm on this machine (needs root, slurm-wlm and munge)
test-slurm: .venv/.dev
	pytest tests/slurm

# The Python of a machine with a GPU, which may have other versions than ours: make test-gpu GPU_PYTHON=python3
GPU_PYTHON ?= $(shell [ -x .venv/bin/python ] && echo .venv/bin/python || echo $(PYTHON))

## test-gpu: a GPU gives what the CPU gives, the same bytes twice, and how fast; writes workflow/docs/gpu.md
test-gpu:
	CUBLAS_WORKSPACE_CONFIG=:4096:8 PYTHONPATH=workflow:tests $(GPU_PYTHON) -m pytest -p no:cacheprovider -W default --confcutdir=tests/gpu tests/gpu

# A share of the rows and kills, drawn by a fixed seed: make test-faults SHARE=0.1
SHARE ?= 1

## test-faults: the stale matrix, kills, broken disks and determinism on real smoke studies
test-faults: .venv/.dev
	SHARE=$(SHARE) pytest -m faults tests/faults tests/pipeline

## fuzz: 20,000 broken files for every reader together
fuzz: .venv/.dev
	PYTHONPATH=workflow python tests/faults/fuzz.py --inputs 20000

## test-browser: the report's page in a real browser, Debian's chromium
test-browser: .venv/.dev
	command -v chromium > /dev/null || { apt-get update -qq && apt-get install -y --no-install-recommends chromium fonts-dejavu-core; }
	pytest -m browser tests/browser

## test-docs: every command of the README, the docs and the stages' programs runs, and the wheel where nothing else is
test-docs: .venv/.dev
	pytest -n $(CORES) --dist loadgroup -m commands tests/pages tests/pipeline

## lint: style, types and the form of the rules
lint: .venv/.dev
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	pyright --pythonpath .venv/bin/python

## format: bring the code into its form
format: .venv/.dev
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

# An older commit, whose smoke study is measured beside this one's: make bench AGAINST=COMMIT
AGAINST ?=

## bench: measure what the README promises (one job at a time, a quiet machine)
bench: .venv/.dev
	python tests/benchmarks/spectra.py
	python tests/benchmarks/diversity.py
	python tests/benchmarks/sources.py
	python tests/benchmarks/plan.py
	python tests/benchmarks/costs.py
	python tests/benchmarks/training.py
	if [ -n "$(AGAINST)" ]; then python tests/benchmarks/study.py --against $(AGAINST); fi
	if command -v chromium > /dev/null; then python tests/benchmarks/page.py; fi
	if command -v slurmctld > /dev/null; then python tests/benchmarks/slurm.py; fi

## calibration: size, coverage and power of the analysis on 2,000 simulated studies; writes workflow/docs/calibration.md
calibration: .venv/.dev
	python tests/benchmarks/analysis.py

## lock: make the locks anew from envs/*.in
lock: .venv/.dev
	uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 envs/requirements.in -o envs/requirements.lock
	grep -oE '^[a-z0-9._-]+==[^ ]+' envs/requirements.lock | grep -vE '^(torch|torchvision|triton|nvidia-|cuda-)' > .venv/pins
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c .venv/pins --override envs/cuda12.in envs/requirements.in -o envs/requirements-cuda12.lock
	uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c envs/requirements.lock envs/requirements-dev.in -o envs/requirements-dev.lock

## docs: the pages of config keys and of the library, and all pages as a site that opens offline: results/docs/index.html
docs: .venv/.dev
	PYTHONPATH=tests:workflow python tests/pages/config_page.py
	PYTHONPATH=tests:workflow python tests/pages/api_page.py
	mkdocs build --quiet --strict --config-file workflow/docs_site.yml

## clean: remove all results and Snakemake's metadata (the environment stays)
clean:
	find results -mindepth 1 -maxdepth 1 ! -name example -exec rm -rf {} + 2>/dev/null || true
	rm -rf .snakemake
