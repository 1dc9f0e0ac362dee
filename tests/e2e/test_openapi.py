"""The OpenAPI document and the running gateway say the same, whatever is sent."""

import re

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from gateway.openapi import document
from tests.person import Person

# An event stream ends when its reader goes: it has tests of its own.
schema = schemathesis.openapi.from_dict(document()).exclude(path_regex="/events$")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]


@pytest.fixture(scope="module")
def someone(stack, maildir) -> Person:
    """Whose account the requests are made with."""
    return Person(stack.url("gateway"), maildir).joins()


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_answer_is_undocumented_and_none_is_a_500(case, someone: Person):
    headers = {"Authorization": f"Bearer {someone.token}"}
    case.call_and_validate(base_url=someone.url, headers=headers, checks=CHECKS, timeout=60)


def test_every_route_is_documented(stack):
    from gateway.server import create_app
    from gateway.settings import GatewaySettings

    app = create_app(GatewaySettings(**{**stack.environment, "mongo_uri": stack.environment["MONGO_URI"],
                                        "rabbitmq_uri": stack.environment["RABBITMQ_URI"],
                                        "auth_svc_address": stack.environment["AUTH_SVC_ADDRESS"],
                                        "link_secret": stack.environment["LINK_SECRET"]}))  # fmt: skip
    documented = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<fid>", "{video_fid}", rule.rule)
        for method in (rule.methods or set()) - {"OPTIONS"} - ({"HEAD"} if "GET" in (rule.methods or set()) else set()):
            assert (path, method) in documented, f"{method} {path}"


def test_the_document_is_served(stack):
    assert requests.get(f"{stack.url('gateway')}/openapi.json", timeout=30).json() == document()
