# The commands of the README. What they need and the machine lacks, they install (into .tools, which git ignores).

.PHONY: help run test check soak fuzz mutants e2e build bench compare

help: ## What there is
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1	/p' Makefile

run: ## Recharge with demo data at http://127.0.0.1:3000 (PORT, SIMULATOR_PORT move it)
	@exec scripts/run.sh

test: ## Everything: formatting, lints, all tests on SQLite and PostgreSQL, browser tests
	@exec scripts/test.sh

check: ## The fast part of it: no browser
	@exec scripts/check.sh

soak: ## The long forms of the tests of what must survive, in turn, for SOAK_MINUTES (60); go on by asking again
	@exec scripts/soak.sh

fuzz: ## Spoiled input for all that parses what comes from outside, FUZZ_SECONDS (60) for each kind
	@exec scripts/fuzz.sh

mutants: ## How many small changes of src/credits its tests notice, in MUTANTS_MINUTES (60); go on by asking again
	@exec scripts/mutants.sh

e2e: ## The browser tests (ARGS are Playwright's: make e2e ARGS="buy --headed")
	@exec scripts/e2e.sh $(ARGS)

build: ## The release build: target/release/recharge, target/release/stripe-simulator, target/site
	@exec scripts/build.sh release

bench: ## How fast the ledger is beside hand-written SQL, in 3 minutes (make bench FULL=1: all of it)
	@exec scripts/bench.sh

compare: ## This build beside that of another commit, in turns, with instructions per debit (make compare OLD=main~1)
	@exec scripts/compare.sh "$(OLD)"
