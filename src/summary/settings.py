"""What the summary service, its server and its worker, reads from the environment."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr

from common.runtime.settings import LoginServiceSettings, WorkerSettings


class SummarySettings(WorkerSettings, LoginServiceSettings):
    """The provider, any with OpenAI's API, and how much it is asked for. Without AI_SUMMARY_URL there is none."""

    summary_queue: str | None = Field("summary", pattern=r"^[\w.-]{1,80}$")
    # With its version: https://api.openai.com/v1
    ai_summary_url: str | None = Field(None, pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    # A provider of one's own may ask for none.
    ai_summary_api_key: SecretStr | None = None
    ai_summary_model: str | None = None
    # s for one request to the provider, and for a summary whose sender waits for it.
    ai_summary_timeout: PositiveFloat = 60.0
    # Characters of text in one request: about 6000 tokens of English. A longer text is summarised in parts.
    ai_summary_max_chars: int = Field(24_000, ge=1000, le=1_000_000)
    # What is beyond this many parts is left out: 24 of 24 000 characters are ten hours of speech.
    ai_summary_max_parts: int = Field(24, ge=1, le=100)
    # By default the same provider, and for it the same key; another provider does not get to see it.
    ai_transcription_url: str | None = Field(None, pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    ai_transcription_api_key: SecretStr | None = None
    ai_transcription_model: str = "whisper-1"
    # json is for models that know no times (gpt-4o-transcribe): then each piece of sound is one subtitle.
    ai_transcription_format: Literal["verbose_json", "json"] = "verbose_json"
    # s for one piece of sound.
    ai_transcription_timeout: PositiveFloat = 300.0
    # A piece of sound: below OpenAI's limits of 25 MB, and of 1500 s for some of its models.
    ai_transcription_max_mb: int = Field(24, ge=1, le=1000)
    ai_transcription_max_seconds: int = Field(600, ge=10, le=24 * 3600)
    # MB of a request's JSON.
    max_text_mb: PositiveInt = 2
    # s. A worker that does not renew its lease for this long has lost the summary.
    claim_lease: PositiveFloat = 30.0
    # s. A long recording makes room for others after this time, and goes on when its turn comes again.
    summary_turn: PositiveFloat = 300.0
    # How often a summary may take its worker with it before it is given up.
    max_crashes: NonNegativeInt = 3

    @property
    def missing(self) -> list[str]:
        """The variables without which there is no provider."""
        needed = {"AI_SUMMARY_URL": self.ai_summary_url, "AI_SUMMARY_MODEL": self.ai_summary_model}
        return [name for name, value in needed.items() if not value]
