"""The files of the page, and links that play and download an MP3 without a token."""

import requests

from tests import media

NOWHERE = "0" * 24
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_the_page_is_served_from_the_same_origin_with_a_strict_policy(stack):
    answer = requests.get(f"{stack.url('gateway')}/app/jobs/{NOWHERE}", timeout=30)
    if answer.status_code == 404:
        # Without a built page the API still works.
        assert "not built" in answer.json()["error"]
        return
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]


def test_a_link_plays_the_mp3_of_its_job_without_a_token(person):
    job = person.converts(media.make("mp4"))
    link = person.request("GET", f"/jobs/{job['video_fid']}/link").json()["url"]
    assert link.startswith(person.url)
    answer = requests.get(link, headers={"Range": "bytes=0-99"}, timeout=30)
    assert answer.status_code == 206
    assert answer.content == person.download(job["mp3_fid"]).content[:100]


def test_a_job_without_an_mp3_has_no_link(person):
    fid = person.uploads(media.without_audio())
    person.waits_for(fid)
    answer = person.request("GET", f"/jobs/{fid}/link")
    assert answer.status_code == 409
    assert "no MP3" in answer.json()["error"]


def test_another_user_gets_no_link(person, newcomer):
    job = person.converts(media.make("mp4"))
    other = newcomer().joins()
    assert other.request("GET", f"/jobs/{job['video_fid']}/link").status_code == 404
    assert other.request("GET", f"/jobs/{NOWHERE}/link").status_code == 404
    assert other.request("GET", "/jobs/x/link").status_code == 400
    assert requests.get(f"{person.url}/jobs/{job['video_fid']}/link", timeout=30).status_code == 401


def test_a_link_that_does_not_work_leads_a_browser_to_its_job_and_curl_to_the_error(person):
    job = person.converts(media.make("mp4"))
    link = person.request("GET", f"/jobs/{job['video_fid']}/link").json()["url"] + "x"
    browser = requests.get(link, headers={"Accept": BROWSER}, allow_redirects=False, timeout=30)
    assert browser.status_code == 303
    assert browser.headers["Location"] == f"/app/jobs/{job['video_fid']}?link=invalid_link"
    assert "Accept" in browser.headers["Vary"]
    assert browser.headers["Cache-Control"] == "no-store"
    curl = requests.get(link, headers={"Accept": "*/*"}, timeout=30)
    assert (curl.status_code, curl.json()["code"]) == (401, "invalid_link")


def test_visitors_see_the_limits_of_the_server(stack):
    limits = requests.get(f"{stack.url('gateway')}/info", timeout=30).json()
    assert limits["max_upload_bytes"] == int(stack.environment["MAX_UPLOAD_MB"]) * 1024 * 1024
    assert limits["retention_days"] == 30
