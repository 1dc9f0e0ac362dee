"""The command line of a stack, behind ./scripts/local.sh."""

import sys

from scripts.stack.command import main

sys.exit(main())
