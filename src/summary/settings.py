"""The settings of the HTTP server and the worker."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr

from common.runtime.settings import LoginServiceSettings, WorkerSettings


class SummarySettings(WorkerSettings, LoginServiceSettings):
    """The provider, which can be any with OpenAI's API, and the limits of requests to it."""

    summary_queue: str | None = Field("summary", pattern=r"^[\w.-]{1,80}$")
    # Including the version: https://api.openai.com/v1
    ai_summary_url: str | None = Field(None, pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    # A self-hosted provider may need no key.
    ai_summary_api_key: SecretStr | None = None
    ai_summary_model: str | None = None
    # s for one request to the provider, and for a short text including all retries.
    ai_summary_timeout: PositiveFloat = 60.0
    # Characters of text in one request: about 6000 tokens of English. A longer text is summarised in parts.
    ai_summary_max_chars: int = Field(24_000, ge=1000, le=1_000_000)
    # Further parts are left out. 24 parts of 24 000 characters are ten hours of speech.
    ai_summary_max_parts: int = Field(24, ge=1, le=100)
    # By default the provider of summaries and its key, which is not sent to another provider.
    ai_transcription_url: str | None = Field(None, pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    ai_transcription_api_key: SecretStr | None = None
    ai_transcription_model: str = "whisper-1"
    # json is for models without timestamps (gpt-4o-transcribe): then each piece of the MP3 is one subtitle.
    ai_transcription_format: Literal["verbose_json", "json"] = "verbose_json"
    # s for one piece of the MP3.
    ai_transcription_timeout: PositiveFloat = 300.0
    # The size of a piece: below OpenAI's limits of 25 MB, and of 1500 s for some of its models.
    ai_transcription_max_mb: int = Field(24, ge=1, le=1000)
    ai_transcription_max_seconds: int = Field(600, ge=10, le=24 * 3600)
    # MB of the body of a request.
    max_text_mb: PositiveInt = 2
    # s. A worker that does not renew its lease for this long loses the summary.
    claim_lease: PositiveFloat = 30.0
    # s. After this time the worker yields to other summaries and continues with this one later.
    summary_turn: PositiveFloat = 300.0
    # How often the worker may crash on a summary before the summary is given up.
    max_crashes: NonNegativeInt = 3

    @property
    def missing(self) -> list[str]:
        """The missing variables without which there is no provider."""
        needed = {"AI_SUMMARY_URL": self.ai_summary_url, "AI_SUMMARY_MODEL": self.ai_summary_model}
        return [name for name, value in needed.items() if not value]
