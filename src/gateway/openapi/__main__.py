"""`python -m gateway.openapi`: prints the OpenAPI document as JSON."""

import json
import sys

from gateway.openapi.document import document

json.dump(document(), sys.stdout)
