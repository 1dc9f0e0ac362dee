"""`python -m converter`."""

from converter.consumer import main

raise SystemExit(main())
