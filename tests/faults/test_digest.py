"""Many files of one account: an email at once and one after the window, also if the service is killed meanwhile."""

from collections.abc import Iterator

import pytest
import requests

from tests import invariant, media
from tests.person import Person

# s. Longer than the conversions of the test take on a busy machine.
WINDOW = 30


@pytest.fixture
def collecting(faults) -> Iterator[None]:
    """A notification service that collects emails; the others of this tier send each at once."""
    faults.restart("notification", EMAIL_DIGEST_SECONDS=str(WINDOW))
    yield
    faults.restart("notification")


@pytest.mark.usefixtures("collecting")
def test_five_files_have_one_email_at_once_and_one_about_the_others(person: Person, faults, environment):
    first = person.converts(media.make("mp4"), "first.mp4")
    person.email_about(first["video_fid"], seconds=WINDOW / 2)
    fids = [person.uploads(media.make("mp4"), f"file {number}.mp4") for number in range(3)]
    silent = person.uploads(media.without_audio(), "silent.mp4")
    jobs = [person.waits_for(fid) for fid in fids]
    failed = person.waits_for(silent)
    faults.kill("notification")
    assert len(person.emails()) == 1

    invariant.holds(environment, person.email)

    digest, single = sorted(person.emails(), key=lambda email: str(email["Subject"]))
    assert single["Subject"] == "MP3 Download"
    assert digest["Subject"] == "3 MP3s are ready, 1 conversion failed"
    text = str(digest.get_body(("plain",)).get_content())  # type: ignore[attr-defined]
    assert failed["error"] in text
    for job in jobs:
        link = next(line for line in text.splitlines() if f"fid={job['mp3_fid']}&token=" in line)
        assert requests.get(link, timeout=30).content == person.download(job["mp3_fid"]).content
