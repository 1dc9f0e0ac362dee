"""Names in the archive of an account, and the links to it."""

import time
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from common.domain.download_links import DownloadLinks
from common.domain.owners import Owner
from common.errors import Unauthorized
from common.runtime.settings import LinkSettings
from gateway.export.links import LIFETIME, ExportLinks
from gateway.export.names import UniqueNames, safe_name

SETTINGS = LinkSettings(link_secret="0123456789abcdef0123456789abcdef")
LINKS = ExportLinks(SETTINGS)
ME = Owner("you@example.com", "my-id", datetime(2026, 1, 31, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("talk", "talk"),
        ("Grüße – 音楽", "Grüße – 音楽"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\talk", "C__talk"),
        ('a<b>c"d|e?f*g', "a_b_c_d_e_f_g"),
        ("a\0b\nc\u202ed", "a_b_c_d"),
        (" .hidden. ", "hidden"),
        ("", "audio"),
        ("...", "audio"),
        ("CON", "_CON"),
        ("nul.tar", "_nul.tar"),
        ("com1", "_com1"),
        ("LPT³ .x", "_LPT³ .x"),
        ("CONCERT", "CONCERT"),
        ("com10", "com10"),
        ("e\u0301", "é"),
    ],
)
def test_a_name_is_safe_on_every_platform(name, safe):
    assert safe_name(name) == safe


def test_names_that_a_file_system_takes_for_the_same_are_numbered():
    names = UniqueNames()
    given = ["talk", "Talk", "talk (2)", "TALK", "é", "e\u0301", "a/b", "a?b"]
    assert list(map(names.add, given)) == [
        "talk", "Talk (2)", "talk (2) (2)", "TALK (3)", "é", "é (2)", "a_b", "a_b (2)",
    ]  # fmt: skip


@given(st.lists(st.text(st.sampled_from("aAßé\u0301./\\ ()2") | st.characters(), max_size=300), max_size=30))
def test_names_are_unique_and_short(given):
    names = UniqueNames()
    made = list(map(names.add, given))
    keys = {unicodedata.normalize("NFKC", name.casefold()) for name in made}
    assert len(keys) == len(made)
    for name in made:
        assert len(f"{name}.mp3".encode()) <= 255
        assert not set(name) & set('<>:"/\\|?*')
        assert name == name.strip(". ")


def token(owner: Owner = ME, links: ExportLinks = LINKS) -> str:
    return links.url(owner).partition("?token=")[2]


@pytest.mark.parametrize("owner", [ME, Owner("you@example.com"), Owner("you@example.com", "my-id")])
def test_a_link_is_for_one_account(owner):
    assert LINKS.owner(token(owner)) == owner


def test_a_link_works_until_the_download_has_begun(monkeypatch):
    old = token()
    for age, works in [(LIFETIME - 5, True), (LIFETIME + 5, False)]:
        signed_at = int(time.time()) - age
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda _, at=signed_at: at)
            old = token()
        if works:
            assert LINKS.owner(old) == ME
        else:
            with pytest.raises(Unauthorized, match="expired"):
                LINKS.owner(old)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x.y.z",
        token() + "x",
        token(links=ExportLinks(LinkSettings(link_secret="f" * 32))),
        DownloadLinks(SETTINGS).url("0" * 24).partition("token=")[2],
    ],
    ids=["empty", "not a token", "changed", "of another key", "of another kind"],
)
def test_other_tokens_are_refused(wrong):
    with pytest.raises(Unauthorized) as caught:
        LINKS.owner(wrong)
    assert caught.value.code == "invalid_link"
