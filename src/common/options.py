"""What a person may choose about the MP3: validated here, stored in the job, read by the converter."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.errors import Invalid

# kbit/s that MPEG-1 layer III knows from 64 up (ISO/IEC 11172-3, table of bit rates).
BITRATES = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def _bitrate(value: int) -> int:
    if value not in BITRATES:
        raise ValueError(f"must be one of {', '.join(map(str, BITRATES))} (kbit/s)")
    return value


class ConversionOptions(BaseModel):
    """The options of one conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bitrate: Annotated[int, AfterValidator(_bitrate), Field(description="kbit/s, constant")] = 192

    def as_document(self) -> dict[str, Any]:
        """As stored in the job: only what was chosen."""
        return self.model_dump(exclude_defaults=True)

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "ConversionOptions":
        """Reads form fields; raises `Invalid` that names each wrong field and what it may be."""
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            problems = []
            for problem in error.errors(include_input=False, include_url=False):
                name = str(problem["loc"][0]) if problem["loc"] else "options"
                if problem["type"] == "extra_forbidden":
                    problems.append(f"{name}: is not an option (there are: {', '.join(cls.model_fields)})")
                else:
                    problems.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
            raise Invalid("; ".join(problems)) from None
