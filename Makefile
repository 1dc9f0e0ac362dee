# The entry point for developers and operators: `make` lists the targets. Each one calls a script of this checkout.
# Arguments go into ARGS: make test ARGS="e2e -- -k download"
SHELL := bash
.DEFAULT_GOAL := help
ARGS ?=

.PHONY: help demo up down logs status test lint unit format locks bench simulate chaos screenshots dead-letters \
    deploy start-services undeploy

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## convert a video end to end on this machine (ARGS: my-video.mp4 --summary)
	./scripts/demo.sh $(ARGS)

up:  ## start the system on this machine
	./scripts/local.sh up $(ARGS)

down:  ## stop it and keep its data (ARGS: --wipe deletes the data)
	./scripts/local.sh down $(ARGS)

logs:  ## show its logs (ARGS: converter -f)
	./scripts/local.sh logs $(ARGS)

status:  ## list its processes
	./scripts/local.sh status $(ARGS)

test:  ## run the tests (ARGS: unit integration -- -k download)
	./scripts/test.sh $(ARGS)

lint:  ## run the linters and type checkers
	./scripts/test.sh lint

unit:  ## run the unit tests
	./scripts/test.sh unit $(ARGS)

format:  ## format the Python code and apply the linter's fixes
	. scripts/lib.sh && ensure_python && .venv/bin/ruff check --fix . && .venv/bin/ruff format .

locks:  ## update the lock files from the pyproject files (ARGS: --upgrade)
	./scripts/lock.sh $(ARGS)

bench:  ## run the benchmarks (ARGS: upload --write)
	./scripts/bench/run.sh $(ARGS)

simulate:  ## simulate days with 100 to 1,000,000 videos, without servers (ARGS: 5000 --write)
	./scripts/bench/simulate.sh $(ARGS)

chaos:  ## upload videos while processes fail at random (ARGS: --minutes 5 --uploads 150)
	./scripts/chaos.sh $(ARGS)

screenshots:  ## take the screenshots in docs/screenshots again
	V2M_SCREENSHOTS=docs/screenshots ./scripts/test.sh browser

dead-letters:  ## list dead letters (ARGS: show 1, replay all, drop 3)
	./scripts/dead-letters.sh $(or $(ARGS),list)

deploy:  ## install or update the system on Kubernetes (ARGS: --overlay production)
	./deploy.sh $(ARGS)

start-services:  ## forward ports of this machine to the cluster (ARGS: --stop)
	./start-services.sh $(ARGS)

undeploy:  ## delete the system from Kubernetes (ARGS: --purge deletes the data)
	./undeploy.sh $(ARGS)
