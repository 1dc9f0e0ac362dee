"""The running gateway conforms to the OpenAPI document."""

import json
import re
import subprocess
import sys

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from gateway.openapi.document import document
from tests.person import Person

# Event streams do not end by themselves, signing out everywhere ends the token, and single sign-on redirects to the
# page; they have their own tests.
schema = schemathesis.openapi.from_dict(document()).exclude(path_regex="/(events|sign-out|oidc/login|oidc/callback)$")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]


schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@pytest.fixture(scope="module")
def someone(stack, maildir) -> Person:
    """The user who makes the requests."""
    return Person(stack.url("gateway"), maildir).joins()


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_response_is_documented_and_none_is_a_500(case, someone: Person):
    headers = {"Authorization": f"Bearer {someone.token}"}
    case.call_and_validate(base_url=someone.url, headers=headers, checks=CHECKS, timeout=60)


ROUTES = """
import json, os, sys
from gateway.server import create_app
from gateway.settings import GatewaySettings
rules = create_app(GatewaySettings()).url_map.iter_rules()
# The files of the page are not part of the API.
rules = [rule for rule in rules if not rule.endpoint.startswith("page.")]
sys.stdout.write(json.dumps([(rule.rule, sorted(rule.methods)) for rule in rules]))
sys.stdout.flush()
os._exit(0)
"""


def test_every_route_is_documented(stack):
    done = subprocess.run(
        [sys.executable, "-c", ROUTES],
        env=dict(stack.program("gateway").environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    documented = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    for rule, methods in json.loads(done.stdout):
        # Flask handles these by itself.
        implied = {"OPTIONS", "HEAD"} if "GET" in methods else {"OPTIONS"}
        for method in set(methods) - implied:
            path = re.sub(r"<(\w+)>", r"{\1}", rule.replace("<fid>", "<video_fid>"))
            assert (path, method) in documented, f"{method} {rule}"


def test_the_document_is_served(stack):
    assert requests.get(f"{stack.url('gateway')}/openapi.json", timeout=30).json() == document()
