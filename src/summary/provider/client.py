"""The provider: any API like OpenAI's, with its official client and this project's timeouts, retries and errors."""

import email.utils
import logging
import time
from collections.abc import Callable
from typing import TypeVar

import openai
from openai import OpenAI
from pydantic import BaseModel, SecretStr

from common.domain.transcripts import Segment
from common.errors import Failure, PermanentError, TransientError
from summary.provider import answers, prompts
from summary.provider.answers import Digest, InvalidResponse, Notes
from summary.settings import SummarySettings

log = logging.getLogger(__name__)

A = TypeVar("A", bound=BaseModel)
Result = TypeVar("Result")

# s to connect.
_CONNECT = 10.0
# HTTP statuses that are worth a retry, besides all from 500.
_TRANSIENT = {408, 409, 425, 429}


class ProviderRefused(PermanentError):
    """Raised when the provider refuses every request: a wrong key, an unknown model, no credit."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Failure.PROVIDER_REFUSED)


class ProviderUnavailable(TransientError):
    """Raised when the provider is unavailable, slow or busy; `retry_after` is the delay that it asks for, in s."""


class Provider:
    """Makes transcripts and summaries. Errors and log lines never contain the texts or the keys."""

    def __init__(self, settings: SummarySettings) -> None:
        self._settings = settings

    def check_configured(self) -> None:
        """Raises ProviderRefused if there is no provider."""
        if missing := self._settings.missing:
            raise ProviderRefused(
                f"Summaries are not configured on this server: the operator has to set {' and '.join(missing)}, and "
                "AI_SUMMARY_API_KEY if the provider needs a key."
            )

    def summarise(self, text: str, timeout: float | None = None) -> Digest:
        """Summarises a text of at most AI_SUMMARY_MAX_CHARS within `timeout` s."""
        return self._answer(Digest, prompts.summary(text), timeout)

    def note(self, text: str, length: int) -> str:
        """Notes on a part of a text, in about `length` characters."""
        return self._answer(Notes, prompts.notes(text, length)).notes

    def transcribe(self, mp3: bytes, seconds: float) -> list[Segment]:
        """Transcribes a piece of an MP3; the times are from its start."""
        settings = self._settings
        timed = settings.ai_transcription_format == "verbose_json"
        url, key = settings.ai_transcription_url or settings.ai_summary_url, settings.ai_transcription_api_key
        if key is None and url == settings.ai_summary_url:
            key = settings.ai_summary_api_key

        def ask() -> list[Segment]:
            with self._client(url, key, settings.ai_transcription_timeout) as client:
                answer = client.audio.transcriptions.create(
                    # Not the name of the user's file, which may be private.
                    file=("audio.mp3", mp3, "audio/mpeg"),
                    model=settings.ai_transcription_model,
                    response_format=settings.ai_transcription_format,
                    timestamp_granularities=["segment"] if timed else openai.omit,
                )
            if not isinstance(answer, BaseModel):
                raise InvalidResponse("the response is not a JSON object")
            return answers.segments(answer.model_dump(warnings=False), seconds)

        return _with_retry(lambda _: ask(), "AI_TRANSCRIPTION")

    def _answer(self, model: type[A], messages: prompts.Messages, timeout: float | None = None) -> A:
        settings = self._settings
        ends = time.monotonic() + timeout if timeout is not None else None

        def ask(problem: str | None) -> A:
            request = prompts.repeated(messages, problem) if problem else messages
            left = settings.ai_summary_timeout if ends is None else ends - time.monotonic()
            if left <= 0:
                raise ProviderUnavailable("the provider was too slow")
            with self._client(settings.ai_summary_url, settings.ai_summary_api_key, left) as client:
                completion = client.chat.completions.create(
                    model=settings.ai_summary_model or "",
                    messages=list(request),
                    response_format={
                        "type": "json_schema",
                        "json_schema": {
                            "name": model.__name__.lower(),
                            "strict": True,
                            "schema": answers.schema(model),
                        },
                    },
                )
            # The client does not validate responses.
            choices = getattr(completion, "choices", None)
            message = getattr(choices[0], "message", None) if choices else None
            if getattr(message, "refusal", None) or (choices and choices[0].finish_reason == "content_filter"):
                raise PermanentError("The AI provider refused to summarise this content.", Failure.PROVIDER_REFUSED)
            content = getattr(message, "content", None)
            if not isinstance(content, str):
                raise InvalidResponse("the response has no content")
            return answers.parsed(model, content)

        return _with_retry(ask, "AI_SUMMARY")

    def _client(self, url: str | None, key: SecretStr | None, timeout: float) -> OpenAI:
        self.check_configured()
        # The client requires a key, even for servers that need none. Retries are left to the worker and the queue.
        return OpenAI(
            base_url=url,
            api_key=key.get_secret_value() if key else "none",
            max_retries=0,
            timeout=openai.Timeout(timeout, connect=min(_CONNECT, timeout)),
            organization="",
            project="",
        )


def _with_retry(ask: Callable[[str | None], Result], variables: str) -> Result:
    """Repeats the request once after an invalid response, and translates the errors of the client."""
    problem: str | None = None
    for _ in range(2):
        try:
            return ask(problem)
        except InvalidResponse as error:
            problem = str(error)
        except ValueError as error:
            problem = f"the response is not JSON ({type(error).__name__})"
        except openai.APIStatusError as error:
            raise _status_error(error, variables) from None
        except openai.APIResponseValidationError:
            problem = "the response is not JSON"
        except openai.APITimeoutError:
            raise ProviderUnavailable("the provider did not answer in time") from None
        except openai.APIConnectionError as error:
            raise ProviderUnavailable(f"the provider cannot be reached ({type(error.__cause__).__name__})") from None
        except openai.OpenAIError as error:
            raise ProviderUnavailable(f"the provider's response cannot be read ({type(error).__name__})") from None
        log.warning("Invalid response from the provider: %s", problem)
    raise PermanentError(
        "The AI provider returned an invalid response twice. Try again later.", Failure.PROVIDER_UNAVAILABLE
    )


def _status_error(error: openai.APIStatusError, variables: str) -> PermanentError | TransientError:
    status = error.status_code
    if status == 429 and error.code == "insufficient_quota":
        return ProviderRefused("The account at the AI provider has no credit left. Contact the operator.")
    if status in _TRANSIENT or status >= 500:
        return ProviderUnavailable(f"the provider returned the status {status}", retry_after=_retry_after(error))
    return ProviderRefused(
        f"The AI provider rejected the request ({status}). The operator must check {variables}_URL, "
        f"{variables}_API_KEY and {variables}_MODEL."
    )


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds; the header may contain a date (RFC 9110, section 10.2.3)."""
    value = error.response.headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
