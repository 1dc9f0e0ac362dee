"""Writes transcripts as text, SRT or WebVTT."""

from collections.abc import Iterator, Sequence

from common.domain.transcripts import Segment

# s without a word after which a new paragraph begins.
_PAUSE = 2.0
# Characters after which a paragraph ends with the sentence.
_PARAGRAPH = 600


def text(segments: Sequence[Segment]) -> str:
    """Paragraphs that end at pauses."""
    return "".join(f"{paragraph}\n\n" for paragraph in _paragraphs(segments)).rstrip("\n") + ("\n" if segments else "")


def _paragraphs(segments: Sequence[Segment]) -> Iterator[str]:
    words: list[str] = []
    length, end = 0, 0.0
    for segment in segments:
        if words and (segment.start - end > _PAUSE or (length > _PARAGRAPH and words[-1][-1:] in ".!?…")):
            yield " ".join(words)
            words, length = [], 0
        words.append(segment.text)
        length += len(segment.text)
        end = segment.end
    if words:
        yield " ".join(words)


def srt(segments: Sequence[Segment]) -> str:
    blocks = (
        f"{number}\n{_time(segment.start, ',')} --> {_time(segment.end, ',')}\n{segment.text}\n"
        for number, segment in enumerate(segments, start=1)
    )
    return "\n".join(blocks)


def webvtt(segments: Sequence[Segment]) -> str:
    """WebVTT (https://www.w3.org/TR/webvtt1/), with markup escaped."""
    blocks = (
        f"{_time(segment.start, '.')} --> {_time(segment.end, '.')}\n{_escaped(segment.text)}\n" for segment in segments
    )
    return "WEBVTT\n\n" + "\n".join(blocks)


def _escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
