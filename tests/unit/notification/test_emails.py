"""What the emails say, and that no name can break them."""

import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from bson import ObjectId

from common.domain import notes
from common.domain.download_links import DownloadLinks
from common.domain.jobs import Job, Status
from common.domain.notes import Note
from common.domain.results import Result, Sound
from common.errors import PermanentError
from common.runtime.settings import LinkSettings
from notification.emails import MAX_ROWS, Emails
from notification.settings import NotificationSettings

LINKS = LinkSettings(link_secret="0123456789abcdef0123456789abcdef", public_url="http://video2mp3.com")
EMAILS = Emails("noreply@example.com", DownloadLinks(LINKS), "http://video2mp3.com")


def job(**changes):
    moment = datetime.now(UTC)
    values = {
        "video_fid": ObjectId(),
        "username": "person@example.com",
        "filename": "talk.mp4",
        "status": Status.COMPLETED,
        "progress": 100,
        "mp3_fid": ObjectId(),
        "error": None,
        "created_at": moment,
        "updated_at": moment,
        **changes,
    }
    return Job(**values)


def text_of(email):
    return email.get_body(("plain",)).get_content()


def html_of(email):
    return email.get_body(("html",)).get_content()


def test_the_email_of_a_finished_job_has_the_id_the_link_and_the_curl_line():
    done = job()
    email = EMAILS.compose(done)
    text = text_of(email)
    assert email["Subject"] == "MP3 Download"
    assert email["To"] == "person@example.com"
    assert text.splitlines()[0] == f"mp3 file_id: {done.mp3_fid} is now ready!"
    assert f"http://video2mp3.com/download?fid={done.mp3_fid}&token=" in text
    assert f'curl -H "Authorization: Bearer $TOKEN" -fOJ "http://video2mp3.com/download?fid={done.mp3_fid}"' in text
    assert f"http://video2mp3.com/download?fid={done.mp3_fid}" in html_of(email)


def test_the_email_says_when_the_link_expires_with_the_year_and_the_time_zone():
    before = datetime.now(UTC) + timedelta(seconds=LINKS.link_lifetime)
    email = EMAILS.compose(job())
    after = datetime.now(UTC) + timedelta(seconds=LINKS.link_lifetime)
    expected = [f"{date.day} {date:%B} {date.year}, {date:%H:%M} UTC" for date in (before, after)]
    assert any(f"works until {date})" in text_of(email) for date in expected)
    assert any(f"works until <strong>{date}</strong>" in html_of(email) for date in expected)


def test_the_email_says_when_the_mp3_is_deleted_if_that_is_before_the_link_expires():
    settings = LINKS.model_copy(update={"retention_days": 2})
    emails = Emails("noreply@example.com", DownloadLinks(settings), "http://video2mp3.com")
    earlier = job(updated_at=datetime(2026, 1, 31, 8, 5, tzinfo=UTC))
    assert "works until 2 February 2026, 08:05 UTC)" in text_of(emails.compose(earlier))
    assert "work until 2 February 2026, 08:05 UTC " in text_of(emails.compose_digest([job(), earlier]))


def test_the_email_has_the_facts_and_notes_about_the_mp3():
    sound = Sound(duration=3725.4, size=89_410_000, bitrate=192, quality=None, variable=False, sample_rate=44100,
                  channels=2)  # fmt: skip
    result = Result(sound, 1_100_000_000, (Note(notes.COPIED), Note("something_new")))
    email = EMAILS.compose(job(result=result))
    line = "The MP3: 1:02:05, 89.4 MB (video: 1.1 GB), 192 kbit/s, 44.1 kHz, stereo"
    assert f"{line}\nCopied without re-encoding: the audio was MP3 already.\n\n" in text_of(email)
    assert f">{line}<br>\nCopied without re-encoding" in html_of(email)
    assert text_of(email).splitlines()[0].startswith("mp3 file_id: ")
    assert email["Subject"] == "MP3 Download"


def test_the_email_of_a_job_without_a_result_has_no_empty_line_about_it():
    assert "The MP3:" not in text_of(EMAILS.compose(job()))
    assert "\n\n\n" not in text_of(EMAILS.compose(job()))


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_every_email_links_to_the_job_on_the_page(status):
    ended = job(status=status, error="The video has no audio track.")
    email = EMAILS.compose(ended)
    assert f"http://video2mp3.com/app/jobs/{ended.video_fid}\n" in text_of(email)
    assert f'"http://video2mp3.com/app/jobs/{ended.video_fid}"' in html_of(email)


def test_the_email_of_a_failed_job_has_the_reason():
    email = EMAILS.compose(job(status=Status.FAILED, mp3_fid=None, error="The video has no audio track."))
    assert "The video has no audio track." in text_of(email)
    assert "The video has no audio track." in html_of(email)
    assert "None" not in text_of(email)


def test_each_result_has_its_own_message_id():
    done = job()
    assert EMAILS.compose(done)["Message-ID"] == EMAILS.compose(done)["Message-ID"]
    other = job(video_fid=done.video_fid)
    assert EMAILS.compose(done)["Message-ID"] != EMAILS.compose(other)["Message-ID"]


@pytest.mark.parametrize(
    "name",
    [
        "a\r\nBcc: victim@example.com\r\n\r\n.mp4",
        "<script>alert(1)</script>.mp4",
        "\u202egpj.mp4",
        "🎵" * 300,
        "{{ 7*7 }}.mp4",
    ],
)
def test_no_name_breaks_an_email(name):
    jobs = [job(filename=name), job(filename=name, status=Status.FAILED, error=name)]
    for email in (*map(EMAILS.compose, jobs), EMAILS.compose(jobs[0], about=name), EMAILS.compose_digest(jobs)):
        assert email["Bcc"] is None
        assert "<script>" not in html_of(email)
        assert "\u202e" not in email["Subject"]
        assert "{{ 7*7 }}" in html_of(email) or "{{" not in name
        assert email.as_bytes()
    assert "\u202e" not in text_of(EMAILS.compose(jobs[0]))


def test_an_address_with_a_line_break_is_a_permanent_error():
    with pytest.raises(PermanentError):
        EMAILS.compose(job(username="a@example.com\nBcc: b@example.com"))


class Page(HTMLParser):
    """What a client shows of the HTML part: its texts in their order, and its links."""

    def __init__(self, email: EmailMessage) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._href = ""
        self.feed(html_of(email))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._href = dict(attrs).get("href") or self._href

    def handle_endtag(self, tag):
        if tag == "a":
            self._href = ""

    def handle_data(self, data):
        if data.strip() and self.tags[-1][0] not in {"style", "title"}:
            self.texts.append(data.strip())
            if self._href:
                self.links[data.strip()] = self._href

    @property
    def buttons(self) -> list[str]:
        """The addresses of the links that are drawn as a button."""
        return [str(attrs["href"]) for tag, attrs in self.tags if tag == "a" and "background" in str(attrs["style"])]


def place(page: Page, text: str) -> int:
    return next(number for number, found in enumerate(page.texts) if text in found)


def test_the_email_begins_with_the_name_and_one_button_and_ends_with_the_ids_in_small_print():
    sound = Sound(duration=61, size=1000, bitrate=192, quality=None, variable=False, sample_rate=44100, channels=2)
    done = job(result=Result(sound, 2000, (Note(notes.COPIED),)))
    page = Page(EMAILS.compose(done, about="It is about bees."))
    (button,) = page.buttons
    assert button.startswith(f"http://video2mp3.com/download?fid={done.mp3_fid}&token=")
    assert page.texts[:2] == ["talk.mp4", "Download the MP3"]
    order = ["works until", "The MP3: 1:01", "Copied", "It is about bees", "Play the MP3", str(done.mp3_fid), "curl -H"]
    assert [place(page, text) for text in order] == sorted(place(page, text) for text in order)
    assert page.links["Switch these emails off"] == "http://video2mp3.com/app/account"
    assert "http://video2mp3.com/app/account" in text_of(EMAILS.compose(done))


def test_the_email_of_a_failed_job_has_one_button_to_the_job():
    failed = job(status=Status.FAILED, mp3_fid=None, error="The video has no audio track.")
    page = Page(EMAILS.compose(failed))
    assert page.texts[0] == "talk.mp4"
    assert page.buttons == [f"http://video2mp3.com/app/jobs/{failed.video_fid}"]
    assert page.links["Switch these emails off"] == "http://video2mp3.com/app/account"


def several(completed: int, failed: int, **changes: object) -> list[Job]:
    ready = [job(filename=f"talk-{number}.mp4", **changes) for number in range(completed)]
    bad = [
        job(filename=f"bad-{number}.mp4", status=Status.FAILED, mp3_fid=None, error="No audio.", **changes)
        for number in range(failed)
    ]
    return [*bad, *ready]


@pytest.mark.parametrize(("completed", "failed", "subject"), [
    (5, 0, "5 MP3s are ready"), (3, 2, "3 MP3s are ready, 2 conversions failed"),
    (1, 1, "1 MP3 is ready, 1 conversion failed"), (0, 2, "2 conversions failed"),
])  # fmt: skip
def test_a_digest_shows_each_file_with_its_links_and_no_name_in_its_subject(completed, failed, subject):
    jobs = several(completed, failed)
    email = EMAILS.compose_digest(jobs)
    page = Page(email)
    assert (email["Subject"], page.texts[0], text_of(email).splitlines()[0]) == (subject, subject, subject)
    assert page.buttons == ["http://video2mp3.com/app/"]
    assert (" work until" in html_of(email)) is bool(completed)
    for one in jobs:
        assert page.links[one.filename] == f"http://video2mp3.com/app/jobs/{one.video_fid}"
        assert one.filename in text_of(email)
        if one.mp3_fid:
            assert f"download?fid={one.mp3_fid}&token=" in text_of(email)
            assert f"mp3 file_id: {one.mp3_fid} is now ready!" in text_of(email)
            assert f"download?fid={one.mp3_fid}&amp;token=" in html_of(email)
    assert html_of(email).count("No audio.") == text_of(email).count("No audio.") == failed
    assert "more" not in page.texts[-1]


def test_a_digest_begins_with_what_failed():
    lines = text_of(EMAILS.compose_digest(several(2, 1)))
    assert lines.index("Could not be converted") < lines.index("is now ready!")


def test_a_digest_of_very_many_files_has_a_limit_and_says_how_many_there_are():
    email = EMAILS.compose_digest(several(57, 5))
    assert email["Subject"] == "57 MP3s are ready, 5 conversions failed"
    assert html_of(email).count(">Download</a>") == MAX_ROWS - 5
    # What failed is never left out.
    assert html_of(email).count("No audio.") == 5
    assert Page(email).links["and 12 more"] == "http://video2mp3.com/app/"
    assert "and 12 more" in text_of(email)
    assert len(email.as_bytes()) < 100_000


def test_a_digest_of_the_same_results_has_the_same_message_id():
    jobs = several(2, 1)
    ids = {EMAILS.compose_digest(order)["Message-ID"] for order in (jobs, jobs[::-1])}
    assert len(ids) == 1
    assert EMAILS.compose_digest(jobs[:2])["Message-ID"] not in ids


def test_names_have_their_own_direction_and_very_long_ones_are_shortened_in_the_middle():
    name = "מסיבת יום הולדת " * 20 + "part 7.mp4"
    for email in (EMAILS.compose(job(filename=name)), EMAILS.compose_digest([job(filename=name), job()])):
        page = Page(email)
        shown = next(text for text in page.texts if text.endswith("part 7.mp4"))
        assert len(shown) == 80
        assert "…" in shown
        assert shown in text_of(email)
        assert [attrs.get("dir") for tag, attrs in page.tags if tag in {"h1", "a"} and attrs.get("dir")]


@pytest.mark.parametrize("email", [
    EMAILS.compose(job()), EMAILS.compose(job(status=Status.FAILED)), EMAILS.compose_digest(several(2, 2)),
], ids=["ready", "failed", "digest"])  # fmt: skip
def test_an_email_needs_nothing_from_elsewhere_and_has_colours_for_dark_mode(email):
    page, html = Page(email), html_of(email)
    assert not {"img", "link", "script", "iframe"} & {tag for tag, _ in page.tags}
    assert not re.search(r"url\(|@import|@font-face", html)
    assert "@media (prefers-color-scheme: dark)" in html
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags


BASE = {
    "mongo_uri": "mongodb://x",
    "rabbitmq_uri": "amqp://x",
    "link_secret": "0123456789abcdef0123456789abcdef",
}


def test_gmail_needs_an_address_and_a_password():
    with pytest.raises(ValueError, match="GMAIL_ADDRESS and GMAIL_PASSWORD"):
        NotificationSettings(**BASE)
    settings = NotificationSettings(**BASE, gmail_address="a@example.com", gmail_password="secret")
    assert (settings.smtp_host, settings.smtp_port) == ("smtp.gmail.com", 587)
    assert settings.account == ("a@example.com", "secret")
    assert settings.sender == "a@example.com"


def test_another_mail_server_may_need_no_login():
    settings = NotificationSettings(**BASE, smtp_host="localhost", smtp_port=1025, smtp_security="none")
    assert settings.account is None
