# Two commands do all of their own set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= out
.DEFAULT_GOAL := help

.PHONY: help install demo test lint clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## install simkit and its tools into a virtual environment

$(VENV)/.installed: pyproject.toml constraints.txt tools/install.sh
	PYTHON="$(PYTHON)" sh tools/install.sh "$(VENV)"
	@touch $@

demo: install ## make a small labelled data set from the embedded parts, and a picture of it
	$(BIN)/simkit generate examples/demo.yaml --out $(OUT)/demo -n 12 --seed 1
	$(BIN)/simkit preview $(OUT)/demo --out $(OUT)/demo.png -n 6
	@echo
	@echo "images and labels:          $(OUT)/demo   (simkit inspect $(OUT)/demo)"
	@echo "contact sheet with labels:  $(OUT)/demo.png"

test: install ## run the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: install ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## remove the virtual environment and what was generated
	rm -rf $(VENV) $(OUT) build *.egg-info
