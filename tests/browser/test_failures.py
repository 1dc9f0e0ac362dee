"""What the page shows when something fails, and how the user can continue."""

import hashlib
import re
import shutil
import time
from pathlib import Path

import jwt
import pytest
from playwright.sync_api import expect

from tests import media, stored


def test_a_video_without_sound_fails_with_advice(owner):
    silent = media.without_audio()
    owner.drops(silent)
    job = owner.sees_job(silent.name, "failed")
    expect(job).to_contain_text("This video has no audio track")
    expect(job).to_contain_text("Choose a video that has audio")
    expect(job.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_file_that_is_not_a_video_is_refused_with_the_reason(owner, tmp_path):
    path = media.not_a_video(tmp_path)
    owner.drops(path)
    expect(owner.upload(path.name)).to_have_attribute("data-state", "rejected")
    expect(owner.page.get_by_role("alert").filter(has_text="text")).to_be_visible()


def test_a_wrong_password_is_shown_as_an_error(visitor, person):
    visitor.opens("/")
    visitor.signs_in(person.email, "another-password")
    expect(visitor.page.get_by_role("alert").filter(has_text="password")).to_be_visible()


def test_an_expired_token_leads_to_the_sign_in_page_and_back(visitor, person, environment):
    job = person.converts(media.make("mp4"), "talk.mp4")
    claims = {"username": person.email, "iat": time.time() - 90_000, "exp": time.time() - 3_600, "admin": True}
    visitor.is_signed_in(jwt.encode(claims, environment["JWT_SECRET"], algorithm="HS256"))
    visitor.opens(f"/app/jobs/{job['video_fid']}")
    expect(visitor.page.get_by_text("Your session has expired")).to_be_visible()
    visitor.signs_in(person.email, person.password)
    expect(visitor.page.get_by_role("heading", name="talk.mp4")).to_be_visible()
    assert visitor.page.url.endswith(f"/app/jobs/{job['video_fid']}")


def test_the_job_of_another_user_is_not_found(owner, newcomer):
    other = newcomer().joins()
    fid = other.uploads(media.make("mp4"))
    owner.opens(f"/app/jobs/{fid}")
    expect(owner.page.get_by_role("heading", name="MP3 not found")).to_be_visible()
    other.waits_for(fid)


@pytest.fixture
def server(stack):
    """A gateway for this test, which stops without waiting for requests in progress."""
    stack.add("page", like="gateway", env={"WEB_GRACE": "1", "MAX_UPLOAD_MB": "600"})
    yield stack.url("page")
    stack.remove("page")


@pytest.mark.timeout(600)
def test_a_large_upload_resumes_when_the_server_is_back(visit, stack, server, person, environment, tmp_path):
    visitor = visit(base_url=server)
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    video = media.large(500, tmp_path)
    visitor.has_a_slow_line(30_000_000)
    visitor.chooses(video)
    # The server stores the offset every few seconds; bytes after it are sent again.
    expect(visitor.upload(video.name)).to_contain_text(re.compile(r"([5-9]\d) % "))
    stack.stop("page")
    expect(visitor.page.get_by_text("The server can't be reached")).to_be_visible()
    expect(visitor.upload(video.name)).to_contain_text("Connection lost")
    visitor.has_a_fast_line()
    stack.start("page")
    stack.wait_ready("page")
    expect(visitor.page.get_by_text("The server can't be reached")).to_have_count(0)
    expect(visitor.upload(video.name)).to_have_attribute("data-state", "done", timeout=240_000)
    job = visitor.sees_job(video.name, "completed")
    assert visitor.offsets[-1] > 0, "the upload was resumed"
    with video.open("rb") as file:
        assert (
            stored.sha256(environment, job.get_attribute("data-job")) == hashlib.file_digest(file, "sha256").hexdigest()
        )


def test_an_upload_starts_when_the_network_is_back(owner):
    video = media.make("mp4")
    owner.loses_the_network()
    owner.chooses(video)
    expect(owner.upload(video.name)).to_contain_text("Connection lost")
    expect(owner.page.get_by_text("The server can't be reached")).to_be_visible()
    owner.has_a_fast_line()
    owner.sees_job(video.name, "completed")


@pytest.mark.parametrize("sound_only", [False, True])
def test_an_upload_resumes_after_a_reload_of_the_page(owner, person, tmp_path, sound_only):
    video = media.large(12, tmp_path)
    if sound_only:
        video = Path(shutil.copy(media.uncompressed(60), tmp_path / "talk.mov"))
    owner.has_a_slow_line(1_500_000)
    owner.chooses(video)
    expect(owner.upload(video.name)).to_contain_text("left")
    owner.page.reload()
    left = owner.upload(video.name)
    expect(left).to_contain_text("Interrupted")
    expect(left).to_contain_text("Choose the same file")
    owner.has_a_fast_line()
    with owner.page.expect_file_chooser() as chooser:
        left.get_by_role("button", name=f"Choose file for the upload of {video.name}").click()
    chooser.value.set_files(str(video))
    owner.sees_job(video.name, "completed")
    expect(left).to_have_attribute("data-state", "done")
    assert owner.offsets[-1] > 0, "the upload was resumed"
    person.login()
    [job] = person.request("GET", "/jobs").json()["jobs"]
    assert (job["original"] is not None) == sound_only
