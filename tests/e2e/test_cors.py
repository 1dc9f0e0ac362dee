"""CORS: web pages on the configured origins may use the API, all others may not."""

import os

import pytest
import requests

ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def opened(stack):
    """A gateway that allows one origin."""
    name = f"cors-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    stack.add(name, like="gateway", env={"CORS_ORIGINS": f"{ORIGIN}, http://localhost:5173"})
    yield stack.url(name)
    stack.remove(name)


def preflight(url: str, origin: str, method: str, path: str) -> requests.Response:
    asked = "authorization,tus-resumable,upload-offset,content-type,if-match"
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": asked}
    return requests.options(url + path, headers=headers, timeout=30)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs"), ("POST", "/upload"), ("PATCH", "/files/x"), ("POST", "/files"), ("GET", "/admin/accounts"),
        ("PUT", "/admin/accounts/x/quotas"),
    ],
)  # fmt: skip
def test_an_allowed_origin_may_send_requests(opened, method, path):
    answer = preflight(opened, ORIGIN, method, path)
    assert answer.ok
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert "upload-offset" in allowed
    assert "if-match" in allowed


def test_the_headers_of_tus_are_exposed_on_errors_too(opened):
    answer = requests.post(f"{opened}/files", headers={"Origin": ORIGIN}, timeout=30)
    assert answer.status_code == 412
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    shown = answer.headers["Access-Control-Expose-Headers"]
    for name in ("Location", "Upload-Offset", "Upload-Length", "Tus-Resumable", "Upload-Expires"):
        assert name in shown


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "https://app.example.com.evil.example.com"])
def test_other_origins_may_not_send_requests(opened, origin):
    assert "Access-Control-Allow-Origin" not in preflight(opened, origin, "GET", "/jobs").headers


def test_without_the_setting_no_origin_is_allowed(stack):
    assert "Access-Control-Allow-Origin" not in preflight(stack.url("gateway"), ORIGIN, "GET", "/jobs").headers
