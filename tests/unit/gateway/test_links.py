"""A download link that does not work: a browser is led to the page, programs get the error as JSON."""

import time
from typing import Any

import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner

from common.domain.download_links import DownloadLinks
from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.errors import Unauthorized
from common.http import app as http
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from common.runtime.settings import LinkSettings
from gateway import downloads
from tests.unit.gateway.memory import World

SECRET = "0123456789abcdef0123456789abcdef"
BROWSERS = [
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html, application/xhtml+xml, image/jxr, */*",
    "text/html;q=0.9, application/json;q=0.8",
]
PROGRAMS = ["*/*", "", "application/json", "application/json, text/html", "text/html;q=0.5, */*", "audio/*"]


class Identity:
    def owner(self, _scope: Scope) -> Owner:
        raise Unauthorized("This needs a token.")


LINKS = DownloadLinks(LinkSettings(link_secret=SECRET))


@pytest.fixture
def web(world: World) -> FlaskClient:
    app = http.create_app("test")
    identity: Any = Identity()
    transfers = ConcurrencyLimiter(9, lambda: AssertionError("too many"))
    app.register_blueprint(downloads.blueprint(identity, world.store, LINKS, transfers))
    return app.test_client()


def path(mp3_fid: object, signer: DownloadLinks = LINKS) -> str:
    return signer.url(str(mp3_fid)).partition("video2mp3.com")[2]


def expired(mp3_fid: object) -> str:
    """The path of a link that was signed a month ago."""
    signed_at = int(time.time()) - 30 * 24 * 3600
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TimestampSigner, "get_timestamp", lambda _: signed_at)
        return path(mp3_fid)


def foreign(mp3_fid: object) -> str:
    return path(mp3_fid, DownloadLinks(LinkSettings(link_secret="f" * 32)))


def altered(mp3_fid: object) -> str:
    return path(mp3_fid) + "x"


@pytest.mark.parametrize("accept", BROWSERS)
@pytest.mark.parametrize("address", [expired, foreign, altered])
def test_an_invalid_link_leads_a_browser_to_the_job(web, world, accept, address):
    job = world.completed()
    answer = web.get(address(job.mp3_fid), headers={"Accept": accept})
    assert answer.status_code == 303
    # Without the token of the link.
    assert answer.headers["Location"] == f"/app/jobs/{job.video_fid}?link=invalid_link"
    assert "Accept" in answer.headers["Vary"]


def test_a_link_to_nothing_leads_a_browser_to_the_start_page(web):
    answer = web.get(path(ObjectId()), headers={"Accept": BROWSERS[0]})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/app/?link=not_found")


def test_a_valid_link_whose_mp3_is_gone_leads_a_browser_to_the_job(web, world):
    job = world.completed()
    world.mp3s.delete(job.mp3_fid)
    answer = web.get(path(job.mp3_fid), headers={"Accept": BROWSERS[0]})
    assert answer.headers["Location"] == f"/app/jobs/{job.video_fid}?link=not_found"


@pytest.mark.parametrize("query", ["", "?fid=", "?fid=x&token=y", "?token=y", f"?fid={'0' * 24}", "?fid=%00&token=%ff"])
def test_a_broken_link_leads_a_browser_to_the_start_page(web, query):
    answer = web.get(f"/download{query}", headers={"Accept": BROWSERS[0]})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/app/?link=invalid_link")


@pytest.mark.parametrize("accept", PROGRAMS)
def test_a_program_gets_the_error(web, world, accept):
    job = world.completed()
    answer = web.get(path(job.mp3_fid) + "x", headers={"Accept": accept})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid_link")
    assert "Accept" in answer.headers["Vary"]
    answer = web.get(path(ObjectId()), headers={"Accept": accept})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_a_request_with_a_token_of_the_api_gets_the_error(web, world):
    headers = {"Accept": BROWSERS[0], "Authorization": "Bearer x"}
    answer = web.get(f"/download?fid={world.completed().mp3_fid}", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "unauthorized")
