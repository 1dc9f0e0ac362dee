"""The contract of the API: what each route answers to good, bad and hostile requests."""

import base64
import http.client
import re
import socket
from urllib.parse import urlsplit

import jwt
import pytest
import requests
from werkzeug.http import parse_options_header

from tests import invariant, media
from tests.person import Person
from tests.waiting import eventually

NOWHERE = "0123456789abcdef01234567"
ROUTES_FOR_OWNERS = [
    ("GET", "/jobs"),
    ("GET", f"/jobs/{NOWHERE}"),
    ("GET", f"/jobs/{NOWHERE}/events"),
    ("DELETE", f"/jobs/{NOWHERE}"),
    ("GET", f"/download?fid={NOWHERE}"),
    ("GET", "/account"),
    ("PATCH", "/account"),
    ("POST", "/upload"),
]


@pytest.fixture(scope="module")
def finished(stack, maildir) -> tuple[Person, dict]:
    """Someone with a completed job."""
    someone = Person(stack.url("gateway"), maildir).joins()
    return someone, someone.converts(media.make("mp4"))


def error(answer: requests.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) <= {"error", "code"}
    return str(answer.json()["error"])


# Accounts


def test_a_registration_answers_201_and_a_second_409(newcomer):
    someone = newcomer()
    assert someone.register().status_code == 201
    refused = someone.register()
    assert error(refused, 409)
    assert refused.json()["code"] == "account_exists"


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("no-address", "long enough", "email"),
        ("a@b@example.com", "long enough", "email"),
        ("someone@example.com", "short", "password"),
        ("someone@example.com", "x" * 5000, "password"),
    ],
)
def test_a_bad_registration_names_the_field(newcomer, email, password, field):
    someone = newcomer()
    someone.email, someone.password = email, password
    assert field in error(someone.register(), 422).lower()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"email=a", "application/x-www-form-urlencoded", 415),
        (b'{"email": "' + b"x" * 20_000 + b'"}', "application/json", 413),
    ],
)
def test_an_invalid_registration_is_refused(stack, body, kind, status):
    answer = requests.post(f"{stack.url('gateway')}/register", data=body, headers={"Content-Type": kind}, timeout=30)
    text = error(answer, answer.status_code)
    assert answer.status_code in {status, 400, 422} if status in {400, 422} else answer.status_code == status, text


def test_a_login_returns_a_token_of_the_contract(person, environment):
    claims = jwt.decode(person.token, environment["JWT_SECRET"], algorithms=["HS256"])
    assert claims["username"] == person.email
    assert claims["admin"] is False
    assert claims["exp"] - claims["iat"] == 24 * 3600


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(person, newcomer):
    url = person.url
    wrong = requests.post(f"{url}/login", auth=(person.email, "wrong password"), timeout=30)
    unknown = requests.post(f"{url}/login", auth=(newcomer().email, "wrong password"), timeout=30)
    assert error(wrong, 401) == error(unknown, 401)
    assert wrong.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "header", [None, "Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\x00:\xff").decode(), "Bearer x"]
)
def test_a_login_without_proper_credentials_is_refused(stack, header):
    headers = {"Authorization": header} if header else {}
    error(requests.post(f"{stack.url('gateway')}/login", headers=headers, timeout=30), 401)


# Tokens


def forged(environment, **how) -> str:
    claims = {"username": "victim@example.com", "iat": 1_700_000_000, "exp": 4_000_000_000, "admin": True}
    claims |= how.get("claims", {})
    return jwt.encode(claims, how.get("key", environment["JWT_SECRET"]), algorithm=how.get("algorithm", "HS256"))


@pytest.mark.parametrize(("method", "path"), ROUTES_FOR_OWNERS)
def test_a_request_without_a_token_is_refused(stack, method, path):
    answer = requests.request(method, stack.url("gateway") + path, timeout=30)
    assert "token" in error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    "how",
    [
        {"claims": {"exp": 1_700_000_001}},
        {"key": "another secret of at least thirty-two bytes"},
        {"algorithm": "HS512"},
        {"algorithm": "none", "key": None},
        {"claims": {"username": None}},
    ],
    ids=["expired", "wrong key", "other algorithm", "none", "no username"],
)
def test_a_forged_or_expired_token_is_refused(newcomer, environment, how):
    someone = newcomer()
    someone.token = forged(environment, **how)
    error(someone.request("GET", "/jobs"), 401)


# Uploads


def raw_upload(person: Person, body: bytes, content_type: str, **headers: str) -> requests.Response:
    return person.request("POST", "/upload", data=body, headers={"Content-Type": content_type, **headers})


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


VIDEO = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 20


@pytest.mark.parametrize(
    ("body", "content_type", "status", "text"),
    [
        (b"", "multipart/form-data; boundary=B", 400, "-F file=@"),
        (part("file", b"", "a.mp4") + b"--B--\r\n", "multipart/form-data; boundary=B", 400, "empty"),
        (part("file", VIDEO, "a.mp4"), "multipart/form-data; boundary=B", 400, "incomplete"),
        (VIDEO, "video/mp4", 415, "multipart/form-data"),
        (part("file", b"%PDF-1.7 " + VIDEO, "a.mp4") + b"--B--\r\n", "multipart/form-data; boundary=B", 415, "PDF"),
        (
            part("file", VIDEO, "a.mp4") + part("bitrate", b"1000") + b"--B--\r\n",
            "multipart/form-data; boundary=B",
            422,
            "bitrate",
        ),
        (part("x", b"y" * 700_000) + b"--B--\r\n", "multipart/form-data; boundary=B", 413, ""),
    ],
)
def test_a_bad_upload_is_refused_and_leaves_nothing(person, environment, body, content_type, status, text):
    assert text in error(raw_upload(person, body, content_type), status)
    assert person.request("GET", "/jobs").json()["jobs"] == []
    assert invariant.violations(environment, person.email) == []


def test_a_file_over_the_limit_is_refused(person, environment):
    limit = int(environment["MAX_UPLOAD_MB"]) * 1024 * 1024
    url = urlsplit(person.url)
    # With a Content-Length: refused before it is sent.
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    connection.putrequest("POST", "/upload")
    connection.putheader("Authorization", f"Bearer {person.token}")
    connection.putheader("Content-Type", "multipart/form-data; boundary=B")
    connection.putheader("Content-Length", str(limit * 2))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()

    # Without a Content-Length: refused when it reaches the limit.
    def endless():
        yield part("file", VIDEO, "a.mp4").removesuffix(b"\r\n")
        for _ in range(limit // 1_000_000 + 30):
            yield b"\x00" * 1_000_000

    try:
        answer = raw_upload(person, endless(), "multipart/form-data; boundary=B")
    except requests.ConnectionError:
        pass  # it may be cut off before it reads the answer
    else:
        assert "larger" in error(answer, 413)
    assert person.request("GET", "/jobs").json()["jobs"] == []


def begin_upload(person: Person, length: int) -> socket.socket:
    url = urlsplit(person.url)
    sock = socket.create_connection((url.hostname, url.port), timeout=60)
    head = (
        f"POST /upload HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {length}\r\n\r\n"
    )
    sock.sendall(head.encode() + part("file", VIDEO, "a.mp4").removesuffix(b"\r\n"))
    return sock


def chunks_of_nobody(environment) -> list[str]:
    return [line for line in invariant.violations(environment) if line.startswith("chunks without a file")]


def test_a_closed_connection_leaves_no_chunk(person, environment):
    with begin_upload(person, 50_000_000) as sock:
        sock.sendall(b"\x00" * 20_000_000)
    assert eventually(lambda: person.request("GET", "/jobs").json()["jobs"] == [])
    eventually(lambda: not chunks_of_nobody(environment), seconds=90, what="the removal of the chunks")


def test_an_upload_below_the_minimum_rate_gets_a_408(person):
    with begin_upload(person, 50_000_000) as sock:
        sock.settimeout(1)
        answer = b""
        # A byte a second, until the server ends the request.
        for _ in range(60):
            try:
                received = sock.recv(65536)
            except TimeoutError:
                sock.sendall(b"\x00")
                continue
            answer += received
            if not received or b"}" in answer:
                break
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"slowly" in answer


@pytest.mark.parametrize("body", [b"ZZ\r\nabc\r\n0\r\n\r\n", b"-5\r\nabc\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"])
def test_a_malformed_chunked_upload_is_refused(person, body):
    url = urlsplit(person.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as sock:
        head = (
            f"POST /upload HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {person.token}\r\n"
            "Content-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        sock.sendall(head.encode() + body)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(12) == b"HTTP/1.1 400"


def test_unknown_methods_share_one_metric_label(stack):
    url = stack.url("gateway")
    for method in ("QWERTZ", "ASDFGH"):
        requests.request(method, f"{url}/jobs", timeout=30)
    metrics = requests.get(f"http://127.0.0.1:{stack.state.ports['gateway_health']}/metrics", timeout=30).text
    assert 'method="other"' in metrics
    assert "QWERTZ" not in metrics


def test_after_a_refused_upload_the_connection_serves_the_next_request(person):
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {person.token}"
        refused = session.post(f"{person.url}/upload", files={"file": ("a.mp4", b"plain text" * 50_000)}, timeout=60)
        assert refused.status_code == 415
        assert session.get(f"{person.url}/jobs", timeout=60).json()["jobs"] == []


def test_the_answer_is_text_for_curl_and_json_for_programs(person):
    with media.make("mp4").open("rb") as file:
        plain = person.request("POST", "/upload", files={"file": file})
    assert (plain.status_code, plain.text) == (200, "success!")
    assert re.fullmatch(r"/jobs/[0-9a-f]{24}", plain.headers["Location"])
    answer = person.upload(media.make("mp4"))
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/jobs/{job['video_fid']}"
    assert set(job) == {
        "video_fid",
        "filename",
        "status",
        "progress",
        "mp3_fid",
        "error",
        "error_code",
        "options",
        "result",
        "original",
        "video_stored",
        "keep",
        "created_at",
        "updated_at",
    }
    for fid in (plain.headers["Location"].rpartition("/")[2], job["video_fid"]):
        person.waits_for(fid)


def named(disposition: bytes) -> bytes:
    """The head of a part with a file."""
    return b"--B\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n"


EMPTY = named(b'name="second"; filename=""\r\nContent-Type: application/octet-stream') + b"\r\n"


@pytest.mark.parametrize(
    ("before", "disposition", "after", "filename"),
    [
        (b"", 'name="file"; filename="Песня о весне.mp4"'.encode("cp1251"), b"", "Песня о весне.mp4"),
        (b"", b'name="file"; filename*="UTF-8\'\'na%C3%AFve.mp4"', b"", "naïve.mp4"),
        (b"", b'name="file"; filename="AC\\DC.mp4"', b"", "AC\\DC.mp4"),
        (EMPTY, b'name="file"; filename="talk.mp4"', EMPTY, "talk.mp4"),
    ],
)
def test_the_name_of_a_file_is_read_in_all_forms(person, before, disposition, after, filename):
    body = before + named(disposition) + media.make("mp4").read_bytes() + b"\r\n" + after + b"--B--\r\n"
    answer = raw_upload(person, body, "multipart/form-data; boundary=B", Accept="application/json, text/plain, */*")
    assert answer.status_code == 202, answer.text
    assert answer.json()["filename"] == filename
    job = person.waits_for(answer.json()["video_fid"])
    stem = filename.removesuffix(".mp4").replace("\\", "_")
    disposition = person.download(job["mp3_fid"]).headers["Content-Disposition"]
    assert parse_options_header(disposition)[1]["filename"] == f"{stem}.mp3"


# Jobs


def test_jobs_are_listed_newest_first_and_paged(person):
    fids = [person.uploads(media.make("mp4")) for _ in range(5)]
    for fid in fids:
        person.waits_for(fid)
    seen, path = [], "/jobs?limit=2"
    while path:
        page = person.request("GET", path).json()
        assert len(page["jobs"]) <= 2
        seen += [job["video_fid"] for job in page["jobs"]]
        path = page["next"]
    assert seen == fids[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1", "before=x", "limit=1e1", "limit=٣"])
def test_a_bad_page_is_refused(person, query):
    error(person.request("GET", f"/jobs?{query}"), 400)


def test_a_deleted_job_is_gone_with_its_files(person, environment):
    job = person.converts(media.make("mp4"))
    person.email_about(job["video_fid"])
    assert person.request("DELETE", f"/jobs/{job['video_fid']}").status_code == 204
    error(person.request("GET", f"/jobs/{job['video_fid']}"), 404)
    error(person.request("DELETE", f"/jobs/{job['video_fid']}"), 404)
    error(person.download(job["mp3_fid"]), 404)
    assert person.request("GET", "/jobs").json() == {"jobs": [], "next": None}
    invariant.holds(environment, person.email)


def test_nobody_else_sees_downloads_or_deletes_it(finished, person):
    _, job = finished
    for method, path in [
        ("GET", f"/jobs/{job['video_fid']}"),
        ("GET", f"/jobs/{job['video_fid']}/events"),
        ("DELETE", f"/jobs/{job['video_fid']}"),
        ("GET", f"/download?fid={job['mp3_fid']}"),
        ("GET", f"/download?fid={job['video_fid']}"),
    ]:
        unknown = path.replace(job["video_fid"], NOWHERE).replace(job["mp3_fid"], NOWHERE)
        assert error(person.request(method, path), 404) == error(person.request(method, unknown), 404)


@pytest.mark.parametrize("fid", ["", "x", "1" * 23, "g" * 24, "../../etc/passwd", "%00", "[]", "x" * 1000])
def test_a_malformed_id_is_refused(person, fid):
    error(person.request("GET", "/download", params={"fid": fid}), 400)


@pytest.mark.parametrize("fid", ["x", "g" * 24, "%00", "1" * 23])
def test_a_malformed_job_id_is_refused(person, fid):
    error(person.request("GET", f"/jobs/{fid}"), 400)


# Downloads


def test_a_download_has_its_length_name_and_tag(finished):
    someone, job = finished
    answer = someone.download(job["mp3_fid"])
    assert answer.headers["Content-Type"] == "audio/mpeg"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert ".mp3" in answer.headers["Content-Disposition"]
    again = someone.download(job["mp3_fid"], headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    same = someone.download(job["mp3_fid"], headers={"If-Match": f'"other", {answer.headers["ETag"]}'})
    assert same.content == answer.content
    another = someone.download(job["mp3_fid"], headers={"If-Match": '"other"', "Range": "bytes=5-"})
    assert "If-Match" in error(another, 412)
    head = someone.request("HEAD", f"/download?fid={job['mp3_fid']}")
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]
    assert head.content == b""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=100-199", slice(100, 200)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-100", slice(-100, None)),
        ("bytes=-99999999", slice(0, None)),
        ("bytes=0-", slice(0, None)),
        ("bytes=99999999-,5-9", slice(5, 10)),
        ("bytes=100-99999999", slice(100, None)),
    ],
)
def test_a_byte_range_is_served(finished, asked, expected):
    someone, job = finished
    whole = someone.download(job["mp3_fid"]).content
    answer = someone.download(job["mp3_fid"], headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[expected]
    start, stop, _ = expected.indices(len(whole))
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_an_unsatisfiable_range_is_416(finished, asked):
    someone, job = finished
    length = len(someone.download(job["mp3_fid"]).content)
    answer = someone.download(job["mp3_fid"], headers={"Range": asked})
    error(answer, 416)
    assert answer.headers["Content-Range"] == f"bytes */{length}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=abc", "bytes=5-2"])
def test_an_ignored_range_gets_the_whole_file(finished, asked):
    someone, job = finished
    answer = someone.download(job["mp3_fid"], headers={"Range": asked})
    assert answer.status_code == 200
    assert "Content-Range" not in answer.headers
    assert len(answer.content) == int(answer.headers["Content-Length"])


def test_only_get_has_ranges(finished):
    someone, job = finished
    whole = someone.request("HEAD", f"/download?fid={job['mp3_fid']}")
    head = someone.request("HEAD", f"/download?fid={job['mp3_fid']}", headers={"Range": "bytes=0-9"})
    assert head.status_code == 200
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]


def test_a_range_of_another_version_gets_the_whole_file(finished):
    someone, job = finished
    headers = {"Range": "bytes=0-9", "If-Range": '"another"'}
    assert someone.download(job["mp3_fid"], headers=headers).status_code == 200
    etag = someone.download(job["mp3_fid"]).headers["ETag"]
    headers = {"Range": "bytes=0-9", "If-Range": etag}
    assert someone.download(job["mp3_fid"], headers=headers).status_code == 206


def test_the_link_of_the_email_opens_its_own_file_only(finished):
    someone, job = finished
    text = someone.email_about(job["video_fid"])
    link = next(line for line in text.splitlines() if "&token=" in line)
    assert requests.get(link, timeout=30).status_code == 200
    other = link.replace(job["mp3_fid"], NOWHERE)
    error(requests.get(other, timeout=30), 401)
    error(requests.get(link + "x", timeout=30), 401)


# Everything else


def test_every_answer_has_its_security_headers_and_no_version(stack, person):
    for path in ("/healthz", "/docs", "/openapi.json", "/nowhere", "/jobs"):
        answer = person.request("GET", path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Request-ID"]
        assert "/" not in answer.headers.get("Server", "")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/upload"), ("POST", "/jobs"), ("PUT", "/download"), ("GET", "/login")]
)
def test_a_wrong_method_is_405(stack, method, path):
    answer = requests.request(method, stack.url("gateway") + path, timeout=30)
    error(answer, 405)
    assert answer.headers["Allow"]


def test_health_metrics_and_documentation_answer(stack):
    url = stack.url("gateway")
    assert requests.get(f"{url}/healthz", timeout=30).json() == {"status": "ok"}
    health = f"http://127.0.0.1:{stack.state.ports['gateway_health']}"
    up = {"mongodb": "up", "rabbitmq": "up", "auth": "up"}
    assert requests.get(f"{health}/status", timeout=30).json() == {"status": "ok", "dependencies": up}
    assert requests.get(f"{health}/readyz", timeout=30).json() == {"status": "ok"}
    metrics = requests.get(f"{health}/metrics", timeout=30).text
    assert 'video2mp3_dependency_up{dependency="rabbitmq"} 1.0' in metrics
    assert "video2mp3_http_request_seconds" in metrics
    assert "POST /upload" in requests.get(f"{url}/docs", timeout=30).text
    assert requests.get(f"{url}/openapi.json", timeout=30).json()["openapi"].startswith("3.1")


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/status", "/v1/metrics", "//metrics", "/%6detrics"])
def test_metrics_readiness_and_dependencies_are_not_public(stack, path):
    session = requests.Session()
    sent = session.prepare_request(requests.Request("GET", stack.url("gateway")))
    # As it is: requests would normalise it.
    sent.url = stack.url("gateway") + path
    error(session.send(sent, timeout=30), 404)


def test_guessing_passwords_is_slowed_down(stack, maildir):
    stack.add("guarded", like="gateway", env={"LOGIN_LIMIT": "3/minute", "REGISTER_LIMIT": "2/hour"})
    try:
        someone = Person(stack.url("guarded"), maildir)
        for _ in range(3):
            error(requests.post(f"{someone.url}/login", auth=(someone.email, "guess"), timeout=30), 401)
        answer = requests.post(f"{someone.url}/login", auth=(someone.email, "guess"), timeout=30)
        assert f"Wait {answer.headers['Retry-After']} seconds" in error(answer, 429)
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        # Another account from the same address is not locked out.
        error(requests.post(f"{someone.url}/login", auth=("other-" + someone.email, "guess"), timeout=30), 401)
        for _ in range(3):
            refused = someone.register()
        # The limit is per hour: the error says minutes.
        assert re.search(r"Wait \d\d? minutes", error(refused, 429))
    finally:
        stack.remove("guarded")
