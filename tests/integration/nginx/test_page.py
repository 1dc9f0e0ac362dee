"""The page's files are served safely, and the API works without them."""

import gzip
import re
from pathlib import Path

import pytest
import requests

from tests.integration.nginx.conftest import Nginx, refused


def get(nginx: Nginx, path: str, **headers: str) -> requests.Response:
    """As it is sent: nothing is unpacked or normalised on the way."""
    request = requests.Request("GET", nginx.url, headers={"Accept-Encoding": "identity", **headers}).prepare()
    request.url = nginx.url + path
    with requests.Session() as session:
        return session.send(request, timeout=30)


@pytest.mark.parametrize("path", ["/", "/app", "/app/sign-in", "/app/jobs/0123456789abcdef01234567"])
def test_the_page_has_its_own_addresses_and_is_always_revalidated(nginx: Nginx, path: str) -> None:
    answer = get(nginx, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-cache"


def test_only_own_scripts_run_and_only_styles_that_know_the_nonce(nginx: Nginx) -> None:
    answer = get(nginx, "/", **{"X-Request-ID": "guessed"})
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "manifest-src 'self'; worker-src 'self';" in policy
    assert "unsafe" not in policy
    found = re.search(r"style-src 'self' 'nonce-([\w-]{20,})'", policy)
    assert found
    assert answer.text.count(f'nonce="{found[1]}"') == 2
    assert found[1] not in get(nginx, "/").text
    assert answer.headers["X-Request-ID"] == "guessed"


def test_assets_are_cached_for_a_year(nginx: Nginx) -> None:
    answer = get(nginx, "/assets/b-2.css")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "max-age=86400" in get(nginx, "/favicon.svg").headers["Cache-Control"]


@pytest.mark.parametrize(
    ("path", "kind", "caching"),
    [
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/icons/192.png", "image/png", "public, max-age=86400"),
    ],
)
def test_the_app_can_be_installed(nginx: Nginx, path: str, kind: str, caching: str) -> None:
    answer = get(nginx, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["Cache-Control"] == caching


def test_a_file_that_is_shared_without_the_service_worker_leads_to_an_explanation(nginx: Nginx) -> None:
    answer = requests.post(
        f"{nginx.url}/app/share", files={"file": b"x" * 1_000_000}, timeout=30, allow_redirects=False
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?shared=failed")


@pytest.mark.parametrize(("accepted", "packed"), [("gzip, br", True), ("gzip;q=0", False), ("identity", False)])
def test_assets_are_compressed_for_clients_that_accept_it(
    nginx: Nginx, page: Path, accepted: str, packed: bool
) -> None:
    (page / "assets" / "a-1.js.gz").write_bytes(gzip.compress(b"let packed = true;"))
    answer = get(nginx, "/assets/a-1.js", **{"Accept-Encoding": accepted})
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (answer.headers.get("Content-Encoding") == "gzip") is packed
    assert answer.text == ("let packed = true;" if packed else "let packed = false;")


@pytest.mark.parametrize("name", ["nothing.js", "../../secret.txt", "..%2f..%2fsecret.txt", "", "../index.html"])
def test_only_assets_are_served(nginx: Nginx, name: str) -> None:
    answer = get(nginx, f"/assets/{name}")
    assert answer.status_code in {400, 404} or name == "../index.html", answer.text
    assert answer.text != "secret"


def test_a_missing_asset_is_not_cached(nginx: Nginx) -> None:
    assert "Reload the page" in refused(get(nginx, "/assets/nothing.js"), 404, "not_found")


def test_the_page_accepts_no_bodies(nginx: Nginx) -> None:
    answer = requests.post(nginx.url, timeout=30)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_without_a_build_there_is_a_clear_404(alone: Nginx) -> None:
    for path in ("/", "/app/jobs/x"):
        assert "not built" in refused(get(alone, path), 404, "not_found")
    refused(get(alone, "/assets/a.js"), 404, "not_found")
    refused(get(alone, "/favicon.svg"), 404, "not_found")
