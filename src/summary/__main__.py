"""`python -m summary`: the worker."""

from summary.consumer import main

raise SystemExit(main())
