"""The page's files are served safely, and their absence hurts nobody."""

import gzip
import re

import pytest

from common import http
from gateway import page

HTML = '<html><meta property="csp-nonce" nonce="CSP_NONCE_PLACE"><script src="/assets/a-1.js" nonce="CSP_NONCE_PLACE">'


@pytest.fixture
def client(tmp_path):
    root = tmp_path / "dist"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text(HTML)
    (root / "favicon.svg").write_text("<svg/>")
    (root / "assets" / "a-1.js").write_text("let packed = false;")
    (root / "assets" / "a-1.js.gz").write_bytes(gzip.compress(b"let packed = true;"))
    (root / "assets" / "b-2.css").write_text("a {}")
    (tmp_path / "secret.txt").write_text("secret")
    return client_of(root)


def client_of(root):
    app = http.create_app("gateway")
    app.register_blueprint(page.blueprint(root))
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/app", "/app/sign-in", "/app/jobs/0123456789abcdef01234567"])
def test_the_page_is_at_its_own_addresses_and_is_never_stale(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.headers["Cache-Control"] == "no-cache"


def test_only_own_scripts_run_and_only_styles_that_know_the_nonce(client):
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    nonce = re.search(r"style-src 'self' 'nonce-([\w-]{20,})'", policy)[1]
    assert answer.text.count(f'nonce="{nonce}"') == 2
    assert nonce not in client.get("/").text


def test_assets_are_kept_for_a_year(client):
    with client.get("/assets/b-2.css") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/css")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(("accepted", "packed"), [("gzip, br", True), ("gzip;q=0", False), ("", False)])
def test_an_asset_is_packed_for_those_who_can_unpack_it(client, accepted, packed):
    with client.get("/assets/a-1.js", headers={"Accept-Encoding": accepted}) as answer:
        assert answer.mimetype == "text/javascript"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert (answer.headers.get("Content-Encoding") == "gzip") is packed
        content = gzip.decompress(answer.data) if packed else answer.data
    assert content == (b"let packed = true;" if packed else b"let packed = false;")


@pytest.mark.parametrize("name", ["nothing.js", "../../secret.txt", "..%2f..%2fsecret.txt", "", "%00", "../index.html"])
def test_there_is_nothing_but_the_assets(client, name):
    answer = client.get(f"/assets/{name}")
    assert answer.status_code == 404
    assert answer.json["error"]


def test_other_addresses_are_still_the_api_s(client):
    assert client.get("/nowhere").json["error"]
    assert client.post("/").status_code == 405


def test_without_a_build_there_is_a_clear_404(tmp_path):
    client = client_of(tmp_path / "nothing")
    for path in ("/", "/app/jobs/x"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "not built" in answer.json["error"]
    assert client.get("/assets/a.js").status_code == 404
    assert client.get("/favicon.svg").status_code == 404
