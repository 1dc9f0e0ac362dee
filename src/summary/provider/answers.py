"""The schemas of the provider's responses, and their validation, as not every provider enforces a schema."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.domain.transcripts import Segment

# Five or six sentences are requested. Abbreviations look like ends of sentences, so a few more are accepted.
_MOST_SENTENCES = 8
_END = re.compile(r"[.!?…](?=\s|$)")
# One to three words of letters and digits, as "Travel", "Machine learning" or "R&D".
_CATEGORY = re.compile(r"[^\W_][\w&'’/+-]*(?: [\w&'’/+-]+){0,2}")
# Whisper's own rule for text that it invents during silence: openai/whisper, transcribe.py.
_NO_SPEECH, _UNLIKELY = 0.6, -1.0


A = TypeVar("A", bound=BaseModel)


class InvalidResponse(Exception):
    """Raised when a response does not match its schema; the text says how."""


def _plain(text: str) -> str:
    """One line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _sentences(text: str) -> str:
    if not text or len(_END.findall(text)) > _MOST_SENTENCES:
        raise ValueError("must be five to six sentences")
    return text


def _category(text: str) -> str:
    plain = text.removesuffix(".")
    if not _CATEGORY.fullmatch(plain):
        raise ValueError("must be one to three words")
    return plain


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Digest(_Answer):
    """The response to `prompts.summary`."""

    summary: Annotated[str, AfterValidator(_plain), AfterValidator(_sentences), Field(max_length=2000)]
    category: Annotated[str, AfterValidator(_plain), AfterValidator(_category), Field(max_length=60)]


class Notes(_Answer):
    """The response to `prompts.notes`."""

    notes: Annotated[str, AfterValidator(_plain), Field(min_length=1, max_length=20_000)]


class _SpokenSegment(BaseModel):
    start: float
    end: float
    text: str
    no_speech_prob: float = 0.0
    avg_logprob: float = 0.0

    @property
    def spoken(self) -> bool:
        """Whether it is speech, rather than text invented during silence."""
        silence = self.no_speech_prob > _NO_SPEECH and self.avg_logprob < _UNLIKELY
        return not silence and any(c.isalnum() for c in self.text)


class _Transcription(BaseModel):
    text: str
    segments: list[_SpokenSegment] | None = None


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema without limits, which strict providers do not accept."""
    names = list(model.model_fields)
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
        "additionalProperties": False,
    }


def parsed(model: type[A], content: str) -> A:
    """Raises InvalidResponse."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise InvalidResponse(_described(error)) from None


def segments(answer: object, seconds: float) -> list[Segment]:
    """The speech in a piece of audio that lasts `seconds`, with times from its start; raises InvalidResponse."""
    try:
        found = _Transcription.model_validate(answer)
    except ValidationError as error:
        raise InvalidResponse(_described(error)) from None
    spoken: Sequence[_SpokenSegment] = found.segments or []
    if found.segments is None:
        spoken = [_SpokenSegment(start=0, end=seconds, text=found.text)]
    result, last = [], 0.0
    for one in spoken:
        if one.spoken and math.isfinite(one.start) and math.isfinite(one.end):
            start = min(max(one.start, last), seconds)
            end = min(max(one.end, start), seconds)
            result.append(Segment(round(start, 3), round(end, 3), _plain(one.text)))
            last = start
    return result


def _described(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False)[:3]
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'the answer'}: {p['msg']}" for p in problems)
