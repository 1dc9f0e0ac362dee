"""The list of jobs and its entity tag."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from common.domain.owners import Owner
from common.domain.quotas import Quotas
from common.domain.scopes import Scope
from common.http import app as http
from gateway.jobs import routes
from tests.unit.gateway.memory import OWNER


class Identity:
    def owner(self, _scope: Scope) -> Owner:
        return Owner(OWNER)


@pytest.fixture
def web(world) -> FlaskClient:
    app = http.create_app("test")
    unused: Any = None
    identity: Any = Identity()
    app.register_blueprint(routes.blueprint(identity, world.store, world.outbox, unused, Quotas()))
    return app.test_client()


def test_an_unchanged_page_is_not_sent_again(world, web):
    job = world.job()
    first = web.get("/jobs")
    tag = {"If-None-Match": first.headers["ETag"]}
    unchanged = web.get("/jobs", headers=tag)
    assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert world.store.jobs.fail(job.video_fid, "a reason")
    changed = web.get("/jobs", headers=tag)
    assert changed.status_code == 200
    assert [found["status"] for found in changed.get_json()["jobs"]] == ["failed"]
    # Only once: other pages of the list have other tags.
    assert web.get("/jobs?limit=1", headers=tag).status_code == 200


def test_an_error_has_no_tag(web):
    answer = web.get("/jobs?limit=none", headers={"If-None-Match": "*"})
    assert (answer.status_code, "ETag" in answer.headers) == (400, False)
