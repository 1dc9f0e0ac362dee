"""Random requests get a response of the contract, never a 500, and leave nothing behind."""

import base64
import json
import string
from urllib.parse import quote

import requests
from hypothesis import given
from hypothesis import strategies as st

from tests import invariant
from tests.person import Person

KNOWN = {200, 202, 400, 401, 404, 405, 408, 411, 413, 415, 422}
# The characters that http.client accepts in a header.
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=200)
BOUNDARY = st.text(string.ascii_letters + string.digits + "'()+_,-./:=?", max_size=70)

PIECES = st.sampled_from(
    [
        *(b"--B", b"--B--", b"\r\n", b"\n", b"\r", b"--", b"\x00", b"\xff\xfe"),
        *(b"Content-Disposition: form-data", b"Content-Type: video/mp4", b"Content-Length: -1"),
        *(b'; name="file"', b'; filename="a.mp4"', b'; filename="', b"; filename*=UTF-8''%ff%fe", b'; name="bitrate"'),
        *(b"Transfer-Encoding: chunked", b"192", b"ftypisom" * 50, b"a" * 5000),
    ]
)


def test_no_body_breaks_the_upload_parser(person: Person, environment):
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {person.token}"

        @given(st.lists(PIECES | st.binary(max_size=40), max_size=25).map(b"".join), BOUNDARY | st.just("B"))
        def upload(body: bytes, boundary: str) -> None:
            kind = f'multipart/form-data; boundary="{boundary}"'
            answer = session.post(f"{person.url}/upload", data=body, headers={"Content-Type": kind}, timeout=60)
            assert answer.status_code in KNOWN, (answer.status_code, answer.text)
            if answer.status_code >= 400:
                assert set(answer.json()) <= {"error", "code"}

        upload()
    accepted = person.request("GET", "/jobs?limit=200").json()["jobs"]
    for job in accepted:
        person.waits_for(job["video_fid"])
    invariant.holds(environment, person.email)


def test_no_token_breaks_the_check_or_passes_it(stack):
    url = stack.url("gateway")
    with requests.Session() as session:

        @given(HEADER | st.binary(max_size=100).map(lambda raw: "Bearer " + base64.urlsafe_b64encode(raw).decode()))
        def ask(header: str) -> None:
            answer = session.get(f"{url}/jobs", headers={"Authorization": header.strip().encode("latin-1")}, timeout=60)
            assert answer.status_code == 401, (answer.status_code, answer.text)

        ask()


def test_no_credentials_break_the_login(stack):
    url = stack.url("gateway")
    with requests.Session() as session:

        @given(HEADER | st.binary(max_size=60).map(lambda raw: "Basic " + base64.b64encode(raw).decode()))
        def ask(header: str) -> None:
            answer = session.post(
                f"{url}/login", headers={"Authorization": header.strip().encode("latin-1")}, timeout=60
            )
            assert answer.status_code in {401, 503}, (answer.status_code, answer.text)

        ask()


def test_no_registration_breaks_the_service(stack):
    url = stack.url("gateway")
    values = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.integers(), max_size=2)
    with requests.Session() as session:

        @given(st.dictionaries(st.sampled_from(["email", "password", "admin", "\x00"]), values, max_size=4))
        def ask(body: dict[str, object]) -> None:
            answer = session.post(f"{url}/register", json=body, timeout=60)
            assert answer.status_code in {201, 400, 409, 422}, (answer.status_code, answer.text)

        ask()


SUMMARY_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers(), max_size=2)
    | st.text(max_size=60) | st.just("0" * 24) | st.dictionaries(st.just("$ne"), st.none(), max_size=1)
)  # fmt: skip


def test_no_request_breaks_the_summaries(person: Person):
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {person.token}"

        def send(body: bytes, kind: str) -> None:
            answer = session.post(f"{person.url}/summaries", data=body, headers={"Content-Type": kind}, timeout=60)
            assert answer.status_code in {201, 400, 404, 411, 415, 422}, (answer.status_code, answer.text)
            if answer.status_code >= 400:
                assert set(answer.json()) <= {"error", "code"}
            else:
                assert answer.json()["summary"].isprintable()

        @given(st.dictionaries(st.sampled_from(["text", "file_id", "filename", "_id", "$where"]), SUMMARY_VALUES))
        def order(body: dict[str, object]) -> None:
            send(json.dumps(body).encode(), "application/json")

        @given(st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", ""]))
        def send_anything(body: bytes, kind: str) -> None:
            send(body, kind)

        order()
        send_anything()
    stored = person.request("GET", "/summaries?limit=200").json()["summaries"]
    assert {one["status"] for one in stored} <= {"completed"}


def test_no_id_breaks_the_summaries(person: Person):
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {person.token}"

        @given(st.text(max_size=40), st.sampled_from(["summaries", "transcripts"]), st.text(max_size=20))
        def ask(name: str, kind: str, query: str) -> None:
            path = quote(name, safe="")
            answer = session.get(f"{person.url}/{kind}/{path}", params={"format": query, "limit": query}, timeout=60)
            # An empty id is the list, or nothing.
            assert answer.status_code in {200, 400, 404, 405}, (answer.status_code, answer.text)

        ask()
