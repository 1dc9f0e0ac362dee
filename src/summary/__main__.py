"""`python -m summary`: the worker."""

from summary.worker.consumer import main

raise SystemExit(main())
