"""The languages that use the code pages of Windows, to distinguish a correct decoding from a wrong one."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

# Characters that may be beside letters. Only apostrophes may be inside words.
_PUNCTUATION = frozenset("«»“”„‘’‚–—…•№©®™°§£€¡¿ªº\u00a0")
_INSIDE_WORDS = frozenset("’‘")
# A word, with the marks that Thai has above and below letters.
_WORD = re.compile(r"(?:[^\W\d_]|[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])+")
# By how much, as a share of the alphabet, the letters of a reading must be rarer to be rejected.
_MARGIN = 0.1
_EAST_ASIAN_PUNCTUATION = re.compile(r"[\u3000-\u303f\uff00-\uff65\u30fb\u2010-\u2026\u25a0-\u2605\u266a\u00d7]")


@dataclass(frozen=True)
class Language:
    codec: str
    """Python's name of the code page."""
    letters: str
    """Its letters beyond ASCII in lower case; those of another script in the order of their frequency."""
    never: str = ""
    """A regular expression of what its words never contain; distinguishes it from languages with the same bytes."""
    script: bool = False
    """Whether words consist of these letters only."""

    def read(self, value: bytes) -> str | None:
        try:
            text = value.decode(self.codec)
        except UnicodeDecodeError:
            return None
        return text if self._accepts(text) else None

    def strangeness(self, texts: tuple[str, ...]) -> float:
        """How rare the letters of a script are on average: 0 is for the most frequent letter, 1 for the rarest."""
        ranks = [self.letters.find(c) for text in texts for c in text.lower() if not c.isascii() and c in self.letters]
        return sum(ranks) / len(ranks) / len(self.letters) if ranks else 1.0

    def _accepts(self, text: str) -> bool:
        if not all(c.isascii() or c in _PUNCTUATION or _lower(c) in self.letters for c in text):
            return False
        if self.never and re.search(self.never, text, re.IGNORECASE):
            return False
        if re.search(r"(?<![\d.])[ªº]", text):
            return False
        around = zip(f" {text}", text, f"{text[1:]} ", strict=False)
        if any(c in _PUNCTUATION and c not in _INSIDE_WORDS and _letter(a) and _letter(b) for a, c, b in around):
            return False
        words = _WORD.findall(text)
        if not any(len(word) > 1 and (not self.script or not word.isascii()) for word in words):
            return False
        return all(self._is_word(word) for word in words if not word.isascii())

    def _is_word(self, word: str) -> bool:
        foreign = [c for c in word if not c.isascii()]
        if all(c in _PUNCTUATION for c in foreign):
            return True
        # A capital after a small letter indicates a wrong code page in Cyrillic.
        if any(a.islower() and b.isupper() and not (a + b).isascii() for a, b in pairwise(word)):
            return False
        if self.script:
            return len(foreign) == len(word)
        # A word has few accents; a word of nothing else is another script, read as accents.
        run = self.codec == "cp1252" and re.search(r"[^\x00-\x7f]{3}", word)
        return len(word) == 1 or (len(foreign) < len(word) and not run)


@dataclass(frozen=True)
class EastAsian:
    """A language whose characters have two bytes; only the usual ones count, because rare ones match any bytes."""

    codec: str
    usual: re.Pattern[bytes]

    def read(self, value: bytes) -> str | None:
        try:
            text = value.decode(self.codec)
        except UnicodeDecodeError:
            return None
        if not self.usual.fullmatch(value):
            return None
        words = re.findall(r"[^\W\d_]+", _EAST_ASIAN_PUNCTUATION.sub(" ", text))
        mixed = any(any(c.isascii() for c in word) and not word.isascii() for word in words)
        # An accent and the letter after it look like a single character.
        return text if not mixed and any(len(word) > 1 and not word.isascii() for word in words) else None


def _lower(character: str) -> str:
    return "i" if character == "İ" else character.lower()


def _letter(character: str) -> bool:
    return character.isalpha() and character not in "ªº"


def _pairs(*ranges: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(?:[\x00-\x7f]|" + b"|".join(ranges) + b")+")


_CZECH = r"č(?=[bdfglmprstvxz]+(?:es?|ent)?\b)|\bč\b|[aeiouy]ů|(?<![aeiouyáéíóúůýě])ň\b|(?<![dtnbpvmf])ě"
_CZECH += r"|(?<![aeiouyáéíóúůýě])ř(?![aeiouyáéíóúůýě])|\bň"
_BALTIC = r"č(?=[bdfglmprstvxz]+(?:es?|ent)?\b)|\b[čą]\b|[aeiouy][āēīūąęėįųū]|[āēīūęėįų][aeiou]|[hqwx]"
_GREEK = r"(?-i:ς)\B|(?-i:[σβγδζθκλμπτφχψ])\b|(?-i:[ΒΓΔΖΘΚΛΜΠΤΦΧΨ])\b(?<=[Α-Ω]{2})|\b[ϊϋΐΰ]|[ΐΰ]\b"
_RUSSIAN, _CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", "cp1251"

LATIN = (
    Language("cp1252", "àâçéèêëîïôœùûüÿ", r"œ(?![uidcnst])|ù\B"),  # French
    Language("cp1252", "äöüß", r"\bß"),  # German
    Language("cp1252", "áéíñóúü", r"ñ(?![aeiouáéíóú])"),  # Spanish
    Language("cp1252", "áâãàçéêíóôõúü", r"õ(?!e)|ç\b"),  # Portuguese
    Language("cp1252", "àèéìíîòóù", r"[àèìòù]\B"),  # Italian
    Language("cp1252", "àçèéíïòóúü·"),  # Catalan
    Language("cp1252", "åäöé"),  # Swedish, Finnish
    Language("cp1252", "åæøéô", r"æ[aou]"),  # Danish, Norwegian
    Language("cp1252", "áéëïíóöü"),  # Dutch
    Language("cp1252", "áðéíóúýþæö", r"\bð|þ\b|æ[aou]"),  # Icelandic
    Language("cp1252", "äõöü", r"õ\b|õe"),  # Estonian
    Language("cp1250", "ąćęłńóśźż", r"[ńćśź](?=[aeouyąęó])|\bę|[qvx]|[bcdfghjklmnprtwz]ć[bcdfghjklmnprstwz]"),  # Polish
    Language("cp1250", "áčďéěíňóřšťúůýž", _CZECH),  # Czech
    Language("cp1250", "áäčďéíĺľňóôŕšťúýž", _CZECH + r"|(?<![bdhkmsžtv])[ĺŕ]|[ĺŕ](?![bčdhkmnpstšž])"),  # Slovak
    Language("cp1250", "áéíóöőúüű", r"őe|[aeiou]ű"),  # Hungarian
    Language("cp1250", "čćđšž", _CZECH + r"|(?<![aeiour])ć(?![aeiou])|[qwxy]"),  # Croatian, Slovene
    Language("cp1250", "ăâîşţ", r"ă[oe]"),  # Romanian
    Language("cp1254", "çğıiöşüâîû", r"\bğ"),  # Turkish
    Language("cp1257", "ąčęėįšųūž", _BALTIC + r"|\Bį\B|ų(?![sšzžtl]|\b)"),  # Lithuanian
    Language("cp1257", "āčēģīķļņšūž", _BALTIC),  # Latvian
)
SCRIPTS = (
    Language(_CYRILLIC, _RUSSIAN, r"\b[ъыь]", script=True),
    Language(_CYRILLIC, "оанівеитрслкмдупзьгячбйхцжшщюїєґф", r"\bь", script=True),  # Ukrainian
    Language(_CYRILLIC, "аеоіныстрлкдумпязвгбьчйўхжцшюэё", r"\b[ыь]", script=True),  # Belarusian
    Language(_CYRILLIC, "аиоенрјтскувдмлпзгбчшцњжљћхђфџ", script=True),  # Serbian
    Language(_CYRILLIC, "аоиентрвслкпдмузгјбшчцќжњљѓфхџѕ", script=True),  # Macedonian
    Language("koi8-r", _RUSSIAN, r"\b[ъыь]", script=True),
    Language("cp1253", "αοιετσνηυρπκμλςόίωγάδέήθχύβφώξζψϊϋΐΰ", _GREEK, script=True),
    Language("cp1255", "יוהלארתבשמםנדכקחפעןטגסזצךףץ", r"[םןךףץ]\B", script=True),
    Language("cp1256", "اليمونرتبةعدسفهكحقشجصطخزذضغىثءأإآؤئظپچژگ", r"[ةى]\B", script=True),
    Language("cp874", "านรอกเงมยลวดทสตะปบคหแจพขชใไโผซถศธณษฐญภฟฉฎฏฆฬฮฤฌฑ่้ั์ิีุู็ืึำ๊๋", script=True),
)
_TRAIL, _HIGH = b"[\x40-\x7e\x80-\xfc]", b"[\xa1-\xfe]"
EAST_ASIAN = (
    EastAsian("cp932", _pairs(b"[\x81-\x83\x88-\x9f]" + _TRAIL)),
    EastAsian("euc_jp", _pairs(b"[\xa1\xa4\xa5\xb0-\xcf]" + _HIGH)),
    EastAsian("gb2312", _pairs(b"[\xa1\xa3\xb0-\xd7]" + _HIGH)),
    EastAsian("big5", _pairs(b"[\xa1\xa4-\xc6][\x40-\x7e\xa1-\xfe]")),
    EastAsian("euc_kr", _pairs(b"[\xa1\xb0-\xc8]" + _HIGH)),
)


def read(values: tuple[bytes, ...]) -> tuple[str, ...] | None:
    """The only way to read all values, or the one that is far more probable than the others; else None."""
    found: dict[tuple[str, ...], Language | None] = {}
    for language in (*SCRIPTS, *LATIN, *EAST_ASIAN):
        texts = tuple(language.read(value) for value in values)
        if None not in texts:
            found.setdefault(cast("tuple[str, ...]", texts), language if isinstance(language, Language) else None)
    if len(found) < 2:
        return next(iter(found), None)
    scripts = [
        (language.strangeness(texts), texts) for texts, language in found.items() if language and language.script
    ]
    if len(scripts) < len(found):
        return None
    (best, text), (second, _), *_ = sorted(scripts)
    return text if second - best >= _MARGIN else None
