"""What the emails say, and that no name can break them."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from common.domain import notes
from common.domain.download_links import DownloadLinks
from common.domain.jobs import Job, Status
from common.domain.notes import Note
from common.domain.results import Result, Sound
from common.errors import PermanentError
from common.runtime.settings import LinkSettings
from notification.emails import Emails
from notification.settings import NotificationSettings

LINKS = LinkSettings(link_secret="0123456789abcdef0123456789abcdef", public_url="http://video2mp3.com")
EMAILS = Emails("noreply@example.com", DownloadLinks(LINKS), "http://video2mp3.com")


def job(**changes):
    moment = datetime(2026, 1, 31, tzinfo=UTC)
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


def test_the_email_says_on_which_day_the_link_expires():
    before = datetime.now(UTC) + timedelta(seconds=LINKS.link_lifetime)
    email = EMAILS.compose(job())
    after = datetime.now(UTC) + timedelta(seconds=LINKS.link_lifetime)
    assert any(f"works until {date.day} {date:%B})" in text_of(email) for date in (before, after))
    assert "works until " in html_of(email)


def test_the_email_has_the_facts_and_notes_about_the_mp3():
    sound = Sound(duration=3725.4, size=89_410_000, bitrate=192, quality=None, variable=False, sample_rate=44100,
                  channels=2)  # fmt: skip
    result = Result(sound, 1_100_000_000, (Note(notes.COPIED), Note("something_new")))
    email = EMAILS.compose(job(result=result))
    line = "The MP3: 1:02:05, 89.4 MB (video: 1.1 GB), 192 kbit/s, 44.1 kHz, stereo"
    assert f"{line}\nCopied without re-encoding: the audio was MP3 already.\n\n" in text_of(email)
    assert f"<p>{line}<br>\nCopied without re-encoding" in html_of(email)
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
    email = EMAILS.compose(job(filename=name))
    assert email["Bcc"] is None
    assert "<script>" not in html_of(email)
    assert "\u202e" not in text_of(email)
    assert email.as_bytes()


def test_an_address_with_a_line_break_is_a_permanent_error():
    with pytest.raises(PermanentError):
        EMAILS.compose(job(username="a@example.com\nBcc: b@example.com"))


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
