"""The provider: any API like OpenAI's, by its official client, with our own deadlines, retries and errors."""

import email.utils
import logging
import time
from collections.abc import Callable
from typing import TypeVar

import openai
from openai import OpenAI
from pydantic import BaseModel

from common.domain.transcripts import Segment
from common.errors import Failure, PermanentError, TransientError
from summary.provider import answers, prompts
from summary.provider.answers import Digest, Notes, Unfit
from summary.settings import SummarySettings

log = logging.getLogger(__name__)

A = TypeVar("A", bound=BaseModel)
Result = TypeVar("Result")

# s. To connect, of which the whole of a request is another matter.
_CONNECT = 10.0
# HTTP statuses of a provider that may answer otherwise later, with all from 500.
_PASSING = {408, 409, 425, 429}


class ProviderRefused(PermanentError):
    """Raised when the provider will not do it, now or later: a wrong key, an unknown model, no credit."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Failure.PROVIDER_REFUSED)


class ProviderUnavailable(TransientError):
    """Raised when the provider is down, slow or busy; `retry_after` is what it asked for."""


class Provider:
    """Makes transcripts and summaries. What is asked for is never part of an error or a log line, and no key is."""

    def __init__(self, settings: SummarySettings) -> None:
        self._settings = settings

    def check_configured(self) -> None:
        """Raises ProviderRefused when there is no provider."""
        if missing := self._settings.missing:
            raise ProviderRefused(
                f"Summaries are not set up here: the operator has to set {' and '.join(missing)}, and "
                "AI_SUMMARY_API_KEY if the provider asks for one."
            )

    def summarise(self, text: str, timeout: float | None = None) -> Digest:
        """The summary of a text of at most AI_SUMMARY_MAX_CHARS; `timeout` in s."""
        return self._answer(Digest, prompts.summary(text), timeout)

    def note(self, text: str, length: int) -> str:
        """What is in a part of a text, in about `length` characters."""
        return self._answer(Notes, prompts.notes(text, length)).notes

    def transcribe(self, mp3: bytes, seconds: float) -> list[Segment]:
        """What is said in a piece of sound."""
        settings = self._settings
        timed = settings.ai_transcription_format == "verbose_json"

        def ask() -> list[Segment]:
            with self._transcription_client() as client:
                answer = client.audio.transcriptions.create(
                    # A name of our own: the owner's is nobody's business.
                    file=("audio.mp3", mp3, "audio/mpeg"),
                    model=settings.ai_transcription_model,
                    response_format=settings.ai_transcription_format,
                    timestamp_granularities=["segment"] if timed else openai.omit,
                )
            if not isinstance(answer, BaseModel):
                raise Unfit("the answer is no JSON object")
            return answers.segments(answer.model_dump(warnings=False), seconds)

        return _twice(lambda _: ask(), "AI_TRANSCRIPTION")

    def _answer(self, model: type[A], messages: prompts.Messages, timeout: float | None = None) -> A:
        ends = time.monotonic() + timeout if timeout is not None else None

        def ask(problem: str | None) -> A:
            asked = prompts.again(messages, problem) if problem else messages
            left = self._settings.ai_summary_timeout if ends is None else ends - time.monotonic()
            if left <= 0:
                raise ProviderUnavailable("the provider was too slow")
            with self._summary_client(left) as client:
                completion = client.chat.completions.create(
                    model=self._settings.ai_summary_model or "",
                    messages=list(asked),
                    response_format={
                        "type": "json_schema",
                        "json_schema": {
                            "name": model.__name__.lower(),
                            "strict": True,
                            "schema": answers.schema(model),
                        },
                    },
                )
            # The client does not check what it is sent.
            choices = getattr(completion, "choices", None)
            message = getattr(choices[0], "message", None) if choices else None
            if getattr(message, "refusal", None) or (choices and choices[0].finish_reason == "content_filter"):
                raise PermanentError("The provider declines to summarise this.", Failure.PROVIDER_REFUSED)
            content = getattr(message, "content", None)
            if not isinstance(content, str):
                raise Unfit("the answer has no content")
            return answers.parsed(model, content)

        return _twice(ask, "AI_SUMMARY")

    def _summary_client(self, timeout: float) -> OpenAI:
        settings = self._settings
        self.check_configured()
        key = settings.ai_summary_api_key
        return _client(settings.ai_summary_url, key.get_secret_value() if key else None, timeout)

    def _transcription_client(self) -> OpenAI:
        settings = self._settings
        self.check_configured()
        key = settings.ai_transcription_api_key
        if key is None and settings.ai_transcription_url in {None, settings.ai_summary_url}:
            key = settings.ai_summary_api_key
        url = settings.ai_transcription_url or settings.ai_summary_url
        return _client(url, key.get_secret_value() if key else None, settings.ai_transcription_timeout)


def _client(url: str | None, key: str | None, timeout: float) -> OpenAI:
    # The client wants a key; servers of one's own look at none. Its own retries are off: ours give way to others.
    return OpenAI(
        base_url=url,
        api_key=key or "none",
        max_retries=0,
        timeout=openai.Timeout(timeout, connect=min(_CONNECT, timeout)),
        organization="",
        project="",
    )


def _twice(ask: Callable[[str | None], Result], variables: str) -> Result:
    """Asks, and once more when the answer is unfit; raises what the tree of errors has for all that can happen."""
    problem: str | None = None
    for _ in range(2):
        try:
            return ask(problem)
        except Unfit as error:
            problem = str(error)
        except ValueError as error:
            problem = f"the answer is no JSON ({type(error).__name__})"
        except openai.APIStatusError as error:
            raise _status_error(error, variables) from None
        except openai.APIResponseValidationError:
            problem = "the answer is no JSON"
        except openai.APITimeoutError:
            raise ProviderUnavailable("the provider did not answer in time") from None
        except openai.APIConnectionError as error:
            raise ProviderUnavailable(f"the provider cannot be reached ({type(error.__cause__).__name__})") from None
        except openai.OpenAIError as error:
            raise ProviderUnavailable(f"the provider's answer cannot be read ({type(error).__name__})") from None
        log.warning("The provider's answer does not fit: %s", problem)
    raise PermanentError(
        "The provider returned an invalid response twice. Try again later.", Failure.PROVIDER_UNAVAILABLE
    )


def _status_error(error: openai.APIStatusError, variables: str) -> PermanentError | TransientError:
    status = error.status_code
    if status == 429 and error.code == "insufficient_quota":
        return ProviderRefused("The account at the provider of summaries has no credit left: tell the operator.")
    if status in _PASSING or status >= 500:
        return ProviderUnavailable(f"the provider answered {status}", retry_after=_retry_after(error))
    return ProviderRefused(
        f"The provider of summaries refuses the request ({status}): the operator has to check {variables}_URL, "
        f"{variables}_API_KEY and {variables}_MODEL."
    )


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds, which may be given as a date: RFC 9110, section 10.2.3."""
    value = error.response.headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
