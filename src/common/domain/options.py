"""The options of a conversion: validated here, stored in the job, read by the converter."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from common.errors import Invalid, NewerRelease

# kbit/s of MPEG-1 layer III from 64 up (ISO/IEC 11172-3, table of bit rates).
BITRATES = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
# Hertz of MPEG-1 layer III; the lower ones of MPEG-2 have no bit rates above 160 kbit/s.
SAMPLE_RATES = (32000, 44100, 48000)
# s. The longest video that is accepted.
LONGEST = 24 * 3600
# Characters of a tag: longer ones are lyrics or attacks.
LONGEST_TAG = 500
MOST_TRACKS = 64

_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)", re.ASCII)
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,6})?", re.ASCII)
_MOMENT = f"seconds (83.5) or hh:mm:ss.mmm (00:01:23.500), from 0 to {LONGEST} seconds"
# The type of the errors whose text validators write; for all others, the field's description says what is allowed.
_OWN = "value_error"


def _one_of(*allowed: int | None) -> AfterValidator:
    def check(value: int | None) -> int | None:
        if value not in allowed:
            raise AssertionError
        return value

    return AfterValidator(check)


def _moment(value: object) -> object:
    if isinstance(value, str):
        if clock := _CLOCK.fullmatch(value.strip()):
            if float(clock[3]) >= 60 or (clock[1] and int(clock[2]) >= 60):
                raise AssertionError
            value = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
        elif _SECONDS.fullmatch(value.strip()):
            value = float(value)
        else:
            raise AssertionError
    if value is True or value is False or (isinstance(value, float) and not math.isfinite(value)):
        raise AssertionError
    return value


def one_line(value: str) -> str:
    """The text on one line, without characters that are not printable: lone surrogates and control characters."""
    text = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(text.split())


def _tag(value: str | None) -> str | None:
    """An empty text counts as not chosen."""
    return one_line(value) or None if value else None


_MOMENT_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": LONGEST},
            {"type": "string", "pattern": r"^((\d{1,2}:)?\d{1,3}:\d{1,2}|\d{1,6})(\.\d{1,6})?$"},
        ]
    }
)
_Moment = Annotated[float, BeforeValidator(_moment), Field(ge=0, le=LONGEST), _MOMENT_SCHEMA]
_Tag = Annotated[str | None, Field(max_length=LONGEST_TAG), AfterValidator(_tag)]
_TAG = f"text of at most {LONGEST_TAG} characters (default: the tag of the video"


class ConversionOptions(BaseModel):
    """The options of one conversion. A field's description completes the sentence "must be …"."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bitrate: Annotated[int, _one_of(*BITRATES), Field(json_schema_extra={"enum": list(BITRATES)})] = Field(
        192, description=f"one of {', '.join(map(str, BITRATES))} (kbit/s, constant)"
    )
    quality: int | None = Field(
        None,
        ge=0,
        le=9,
        description="from 0 (best, about 245 kbit/s) to 9 (smallest, about 65 kbit/s), variable bit rate",
    )
    channels: Literal["keep", "mono", "stereo"] = Field("keep", description="keep, mono or stereo")
    sample_rate: Annotated[
        int | None, _one_of(*SAMPLE_RATES, None), Field(json_schema_extra={"enum": [*SAMPLE_RATES, None]})
    ] = Field(None, description="32000, 44100 or 48000 (Hz; default: 44.1 or 48 kHz, whichever suits the video)")
    start: _Moment | None = Field(None, description=f"{_MOMENT}: where in the video the MP3 starts")
    end: _Moment | None = Field(None, description=f"{_MOMENT}: where in the video the MP3 ends, after start")
    normalize: bool = Field(False, description="true or false: whether to normalise the volume (EBU R 128)")
    title: _Tag = Field(None, description=f"{_TAG}, otherwise the file name)")
    artist: _Tag = Field(None, description=f"{_TAG})")
    album: _Tag = Field(None, description=f"{_TAG})")
    cover: Literal["none", "frame"] = Field("none", description="none, or frame: a picture of the video")
    track: int | None = Field(
        None,
        ge=1,
        le=MOST_TRACKS,
        description=f"the number of an audio track, from 1 to {MOST_TRACKS} (default: the default track)",
    )

    reencode: bool = Field(
        False, description="true or false: whether to encode audio that is MP3 already, instead of copying it"
    )

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: float | None, info: ValidationInfo) -> float | None:
        start = info.data.get("start") or 0.0
        if end is not None and end <= start:
            raise ValueError(f"must be after start ({start:g} seconds)")
        return end

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if self.quality is not None and "bitrate" in self.model_fields_set:
            raise ValueError("quality and bitrate exclude each other: choose one of them")
        return self

    def as_document(self) -> dict[str, Any]:
        """As stored in the job: only what differs from the default, and a bit rate that was chosen.

        A chosen bit rate requires encoding, even if it is the default; without one, MP3 sound is copied.
        """
        chosen = {"bitrate": self.bitrate} if "bitrate" in self.model_fields_set else {}
        return {**self.model_dump(exclude_defaults=True), **chosen}

    @classmethod
    def parse(cls, fields: Mapping[str, object]) -> "ConversionOptions":
        """Reads form fields or JSON; raises `Invalid` that names each invalid field and its allowed values."""
        try:
            return cls.model_validate({name: value for name, value in fields.items() if value is not None})
        except ValidationError as error:
            raise Invalid("; ".join(cls._problems(error))) from None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ConversionOptions":
        """Reads the options of a job; raises NewerRelease, because an MP3 without one of its options would be wrong."""
        try:
            return cls.model_validate(dict(document))
        except ValidationError as error:
            names = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}))
            raise NewerRelease(f"the job has options that this release does not have: {names}") from None

    @classmethod
    def _problems(cls, error: ValidationError) -> list[str]:
        problems = []
        for problem in error.errors(include_input=False, include_url=False):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            own = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                shown = "".join(c if c.isprintable() else "?" for c in name[:50])
                problems.append(f"{shown}: is not an option (there are: {', '.join(cls.model_fields)})")
            elif not name:
                problems.append(own)
            elif problem["type"] == _OWN:
                problems.append(f"{name}: {own}")
            else:
                problems.append(f"{name}: must be {cls.model_fields[name].description}")
        return list(dict.fromkeys(problems))
