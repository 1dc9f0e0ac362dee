"""`python -m notification`."""

from notification.consumer import main

raise SystemExit(main())
