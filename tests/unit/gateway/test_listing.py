"""The list of jobs and its entity tag, and the choice to keep an MP3."""

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
    job = world.completed()
    first = web.get("/jobs")
    tag = {"If-None-Match": first.headers["ETag"]}
    unchanged = web.get("/jobs", headers=tag)
    assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert world.store.jobs.retention.keep(job, kept=True)
    changed = web.get("/jobs", headers=tag)
    assert changed.status_code == 200
    assert [found["keep"] for found in changed.get_json()["jobs"]] == [True]
    # Only once: other pages of the list have other tags.
    assert web.get("/jobs?limit=1", headers=tag).status_code == 200


def test_an_error_has_no_tag(web):
    answer = web.get("/jobs?limit=none", headers={"If-None-Match": "*"})
    assert (answer.status_code, "ETag" in answer.headers) == (400, False)


def test_an_mp3_is_kept_and_no_longer(world, web):
    path = f"/jobs/{world.completed().video_fid}"
    for keep in (True, True, False):
        answer = web.patch(path, json={"keep": keep})
        assert (answer.status_code, answer.get_json()["keep"]) == (200, keep)


@pytest.mark.parametrize("body", [{"keep": 1}, {"keep": None}, {}, {"keep": True, "status": "completed"}])
def test_nothing_else_of_a_job_can_be_changed(world, web, body):
    answer = web.patch(f"/jobs/{world.completed().video_fid}", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
