"""Tags in old code pages are read right, or not at all: never with wrong letters."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.media import codepages


def listing(*tags: tuple[str, bytes], container: str = "avi") -> bytes:
    """What ffmpeg lists of a file with these tags, with their bytes as they are."""
    lines = b"".join(b"    %-16s: %s\n" % (name.encode(), value) for name, value in tags)
    head = f"Input #0, {container}, from 'fd:':\n  Metadata:\n".encode()
    return head + lines + b"  Duration: 00:00:04.04, start: 0.000000\n"


def values(*tags: tuple[str, bytes], container: str = "avi") -> list[str]:
    """The values of the tags as they are read."""
    lines = codepages.decode(listing(*tags, container=container)).split("\n")[2 : 2 + len(tags)]
    return [line.partition(": ")[2] for line in lines]


def title(value: bytes, container: str = "avi") -> str:
    return values(("title", value), container=container)[0]


CERTAIN = [
    ("cp1252", "Vidéo d'été"),
    ("cp1252", "Première"),
    ("cp1252", "Où est la vérité ?"),
    ("cp1252", "À la recherche du temps perdu"),
    ("cp1252", "Straße nach Süden"),
    ("cp1252", "Die Ärzte – live"),
    ("cp1252", "Canción de España"),
    ("cp1252", "São Paulo"),
    ("cp1252", "La Traviata è finita"),
    ("cp1252", "Smørrebrød i København"),
    ("cp1252", "Lång väg"),
    ("cp1252", "Don’t Stop…"),
    ("cp1250", "Zażółć gęślą jaźń"),
    ("cp1250", "Święta w Łodzi"),
    ("cp1250", "Český film"),
    ("cp1250", "Příběh"),
    ("cp1250", "Erdő és Idő"),
    ("cp1251", "Песня о весне"),
    ("cp1251", "песня о весне"),
    ("cp1251", "ПЕСНЯ О ВЕСНЕ"),
    ("cp1251", "Москва"),
    ("cp1251", "Мой фильм (2005)"),
    ("cp1251", "Ирония судьбы, или С лёгким паром!"),
    ("cp1251", "Пісня про весну"),
    ("cp1251", "Љубав"),
    ("koi8-r", "Песня о весне"),
    ("cp1253", "Τραγούδι για την άνοιξη"),
    ("cp1254", "Güneş"),
    ("cp1255", "שיר השירים"),
    ("cp1256", "السلام عليكم"),
    ("cp874", "เพลง"),
    ("cp932", "春の歌"),
    ("cp932", "東京物語"),
    ("cp932", "さくら"),
    ("cp932", "映画 第1話"),
    ("cp932", "ラーメン屋 PV"),
]
# The same bytes make sense in several languages.
UNCERTAIN = [
    ("cp1250", "večer"),
    ("cp1250", "Měsíc"),
    ("cp1251", "дом"),
    ("cp1251", "Да"),
    ("cp1254", "Şarkı"),
    ("cp1257", "Žalia"),
    ("cp866", "Песня о весне"),
    ("koi8-r", "песня о весне"),
    ("cp437", "Größe"),
    ("mac_roman", "Vidéo d'été"),
    ("cp1258", "ViÊt Nam"),
    ("gb2312", "北京欢迎你"),
    ("gb2312", "我们"),
    ("big5", "春天的歌"),
    ("euc_kr", "우리들의 이야기"),
    ("euc_jp", "東京物語"),
    ("cp1252", "100 €"),
]


@pytest.mark.parametrize(("codec", "text"), CERTAIN)
def test_a_title_in_an_old_code_page_is_read(codec, text):
    assert title(text.encode(codec)) == text


@pytest.mark.parametrize(("codec", "text"), UNCERTAIN)
def test_a_title_that_could_be_several_is_empty_or_right(codec, text):
    assert title(text.encode(codec)) in {"", text}


@pytest.mark.parametrize("text", ["Vidéo d'été", "Песня о весне", "春の歌", "🎬 Ænima ŵ", "", "plain"])
def test_utf8_stays_as_it_is(text):
    assert title(text.encode()) == text


def test_tags_of_one_file_are_in_one_code_page():
    tags = [("title", "дом".encode("cp1251")), ("artist", "Группа Кино".encode("cp1251"))]
    assert values(*tags) == ["дом", "Группа Кино"]


def test_a_tag_in_another_code_page_than_the_others_is_read_separately():
    tags = [("title", "Песня о весне".encode("cp1251")), ("artist", "春の歌".encode("cp932"))]
    assert values(*tags) == ["Песня о весне", "春の歌"]


def test_unused_tags_are_ignored():
    tags = [("comment", bytes(range(0x80, 0x100))), ("title", "Песня о весне".encode("cp1251"))]
    assert values(*tags) == ["", "Песня о весне"]


@pytest.mark.parametrize("text", ["Песня о весне", "春の歌"])
def test_utf8_that_was_cut_keeps_its_whole_characters(text):
    assert title(text.encode()[:-1]) == text[:-1]


def test_a_title_that_has_lost_characters_already_is_empty():
    assert title("P\ufffdosenka".encode()) == ""


def test_id3_in_a_code_page_that_was_read_as_latin1_is_corrected():
    misread = "Песня о весне".encode("cp1251").decode("latin-1").encode()
    assert title(misread, "mp3") == "Песня о весне"
    assert title("春の歌".encode("cp932").decode("latin-1").encode(), "mp3") == "春の歌"
    # Elsewhere such a text is what the file says.
    assert title(misread, "matroska,webm") == misread.decode()


@pytest.mark.parametrize("text", ["Tête-à-tête", "Motörhead", "Ænima", "Größe 100 €", "Žižek", "Ágætis byrjun"])
def test_id3_in_latin1_or_unicode_stays_as_it_is(text):
    assert title(text.encode(), "mp3") == text


def test_id3_that_can_only_be_garbled_is_empty():
    assert title("Âåñíà Ïåñíÿ Þ¤¶µ".encode(), "mp3") == ""


def test_other_lines_show_what_cannot_be_decoded():
    text = codepages.decode(b"[avi @ 0x1] bad \xff\xfe\n" + listing(("title", b"plain")))
    assert text.startswith("[avi @ 0x1] bad \ufffd\ufffd\nInput #0")


def test_titles_of_chapters_are_decoded():
    raw = b"    Chapter #0:0: start 0.000000, end 1.000000\n      Metadata:\n        title           : "
    assert codepages.decode(raw + "Песня о весне".encode("cp1251")).endswith(": Песня о весне")


@pytest.mark.parametrize(
    "raw",
    [
        listing(*[("title", b"\xe9t\xe9 " * 2000)] * 30),
        listing(*[("title", bytes(range(0xC0, 0x100)) * 10)] * 300),
        b"\xff" * (1 << 18),
        b"    " + b" " * (1 << 18) + b"\xff",
        b"    title" + b" :" * (1 << 17) + b"\xff",
        b"\n    a: \xff" * (1 << 15),
    ],
    ids=["long", "many", "bytes", "spaces", "colons", "lines"],
)
def test_hostile_listings_take_linear_time(raw):
    begun = time.process_time()
    codepages.decode(raw)
    assert time.process_time() - begun < 5


@given(st.lists(st.tuples(st.sampled_from(["title", "artist", "comment"]), st.binary(max_size=60)), max_size=4))
def test_no_tag_ever_contains_a_replacement_character(tags):
    clean = [(name, value.translate(None, b"\n")) for name, value in tags]
    raw = listing(*clean)
    text = codepages.decode(raw)
    assert "\ufffd" not in text
    assert text.count("\n") == raw.count(b"\n")
