"""`python -m scripts.deploy COMMAND`, behind the scripts of the checkout's root."""

import sys

from scripts.deploy.command import main

sys.exit(main(sys.argv[1:]))
