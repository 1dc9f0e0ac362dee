"""The benchmarks, behind ./scripts/bench/run.sh."""

import sys

from scripts.bench.command import main

sys.exit(main())
