"""Compares what the server has accepted with what there is at the end: everything that is missing is a loss."""

from collections.abc import Iterator, Mapping, Sequence

from scripts.chaos.clients import Record
from scripts.chaos.looking import Emails, Outcome

# s by which an MP3 may be longer or shorter than the sound of its video: encoders pad to whole frames.
_TOLERANCE = 0.15


def losses(
    records: Sequence[Record],
    outcomes: Mapping[str, Outcome],
    emails: Emails,
    summaries: Mapping[str, str],
    durations: Mapping[str, float],
) -> list[str]:
    """Every contradiction to the promise, in words. `durations` has the seconds of sound by the kind of file."""
    found = []
    for record in records:
        if record.fid is not None:
            found += [f"upload {record.sending.number} ({record.fid}): {text}" for text in
                      _of_upload(record, outcomes.get(record.fid), durations[record.sending.kind])]  # fmt: skip
        if record.summary and summaries.get(record.summary) not in {"completed", "failed"}:
            found.append(f"summary {record.summary} has not ended: {summaries.get(record.summary)}")
    # Including those that the server accepted although its response was lost.
    for outcome in outcomes.values():
        if not emails.naming.get(outcome.named):
            found.append(f"no email names the result of job {outcome.fid} ({outcome.status})")
    return found


def _of_upload(record: Record, outcome: Outcome | None, expected: float) -> Iterator[str]:
    if outcome is None:
        yield "it was accepted, and has no job"
        return
    if outcome.status not in {"completed", "failed"}:
        yield f"it has not ended: {outcome.status}"
    if outcome.status != "completed":
        return
    if not expected:
        yield "it is completed, but the file has no sound"
    mp3 = outcome.mp3
    if mp3 is None:
        yield "it is completed, and its MP3 is not stored"
    elif mp3.seconds is None:
        yield "its MP3 cannot be decoded"
    elif abs(mp3.seconds - expected) > _TOLERANCE:
        yield f"its MP3 has {mp3.seconds:.2f} s instead of {expected:.2f} s"
    elif record.downloaded and (record.mp3_fid, record.downloaded) != (outcome.mp3_fid, mp3.sha256):
        yield "the MP3 that was downloaded is not the one that is stored"


def failed_by_faults(
    records: Sequence[Record], outcomes: Mapping[str, Outcome], durations: Mapping[str, float]
) -> list[Outcome]:
    """Jobs that failed although their files are valid: their owners are notified, and can retry them."""
    jobs = [(outcomes.get(record.fid or ""), durations[record.sending.kind]) for record in records]
    return [job for job, seconds in jobs if job is not None and job.status == "failed" and seconds]
