"""The report of a run in Markdown, for a terminal, a file, or between the marks of docs/reliability.md."""

import datetime
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scripts.bench.report import machine
from scripts.chaos.clients import all_repeated
from scripts.chaos.looking import percentiles
from scripts.chaos.plan import Action, Way
from scripts.chaos.running import Run
from scripts.chaos.verdict import failed_by_faults

_BEGIN, _END = "<!-- chaos run: begin -->", "<!-- chaos run: end -->"
_SHARES = (0.5, 0.9, 0.99, 1.0)
# Losses and other findings that the report lists; it counts the others.
_LISTED = 20


def write(path: Path, text: str) -> None:
    """Puts the report between the marks of a page that has them; otherwise it becomes the whole file."""
    page = path.read_text() if path.exists() else ""
    marked = f"{_BEGIN}\n\n{text}\n\n{_END}"
    if _BEGIN in page:
        path.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: marked, page, flags=re.DOTALL))
    else:
        path.write_text(f"# Chaos run\n\n{text}\n")


def render(run: Run) -> str:
    size = run.size
    command = f"--minutes {size.minutes:g} --uploads {size.uploads} --every {size.every:g} --seed {size.seed}"
    members = f"{run.mongodb_members} member{'s' if run.mongodb_members > 1 else ''}"
    return "\n".join(
        [
            f"Run on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} with `./scripts/chaos.sh {command}`.  ",
            f"MongoDB: {members}.  ",
            f"Machine: {machine()}.",
            "",
            f"**{_verdict(run)}**",
            "",
            "### Faults",
            "",
            *_faults(run),
            "",
            "### Observations",
            "",
            *_table(("what", "result"), list(_observations(run))),
            *_details("Losses", run.losses),
            *_details("Uploads that were not accepted", [record.failure for record in run.records if not record.fid]),
            *_details("Files that their clients did not follow to the end", _not_followed(run)),
        ]
    )


def _verdict(run: Run) -> str:
    accepted = sum(record.fid is not None for record in run.records)
    if run.losses:
        return f"{len(run.losses)} losses among {accepted} accepted uploads."
    return f"Nothing was lost: {accepted} accepted uploads, and each of them has one result and a notice."


def _not_followed(run: Run) -> list[str]:
    return [f"{record.fid}: {record.failure}" for record in run.records if record.fid and record.failure]


def _faults(run: Run) -> list[str]:
    done = Counter((each.fault.target, each.fault.action) for each in run.injected if each.done)
    targets = sorted({each.fault.target for each in run.injected}, key=str.lower)
    rows = [(target, *(str(done[target, action] or "–") for action in Action)) for target in targets]
    total = ("all", *(str(sum(count for (_, kind), count in done.items() if kind is action)) for action in Action))
    missed = Counter((each.fault.target, each.what) for each in run.injected if not each.done)
    notes = [f"- no fault, {count} times: {target}: {reason}" for (target, reason), count in missed.items()]
    return [*_table(("process", *Action), [*rows, total]), *(["", *notes] if notes else [])]


def _observations(run: Run) -> Iterator[tuple[str, str]]:
    accepted = [record for record in run.records if record.fid is not None]
    ways = Counter(record.sending.way for record in accepted)
    states = Counter(outcome.status for outcome in run.outcomes.values())
    failed = failed_by_faults(run.records, run.outcomes, run.durations)
    yield "uploads accepted", f"{len(accepted)} of {len(run.records)} ({_counts({str(way): ways[way] for way in Way})})"
    yield "uploads accepted without a response to the client", str(len(run.outcomes.keys() - {r.fid for r in accepted}))
    yield "jobs", _counts(states)
    reasons = Counter(str(job.error_code) for job in failed)
    yield "valid files whose conversion failed", f"{len(failed)}{f' ({_counts(reasons)})' if failed else ''}"
    yield "requests that clients repeated, by error code", _counts(all_repeated(run.records))
    yield "from the first request to the acceptance", _seconds([each.accepted - each.begun for each in accepted])
    jobs = [(record, run.outcomes.get(str(record.fid))) for record in accepted]
    stored = [job.mp3.stored_at.timestamp() - record.begun for record, job in jobs if job is not None and job.mp3]
    yield "from the first request to the stored MP3", _seconds(stored)
    yield "conversions that were begun more than once", str(sum(job.attempts > 1 for job in run.outcomes.values()))
    for queue, received in run.deliveries.items():
        more = sum(received.values()) - len(received)
        yield f"deliveries in the queue {queue}", f"{sum(received.values())}, of which {more} repeated"
    downloads = sum(bool(record.downloaded) for record in run.records)
    yield "MP3s downloaded during the run", f"{downloads}, all identical to the stored ones" if downloads else "0"
    yield "summaries", _counts(Counter(run.summaries.values()))
    named = [run.emails.naming.get(job.named, 0) for job in run.outcomes.values()]
    yield "emails", f"{run.emails.total} about {sum(map(bool, named))} results"
    yield "results that are in more than one email", str(sum(count > 1 for count in named))
    yield "repeated emails with the same Message-ID", str(run.emails.repeated)
    yield "tracebacks in the logs of the services", _counts(run.tracebacks)
    yield "elections of a MongoDB primary", "–" if run.elections is None else str(run.elections)
    yield "time until nothing was under way after the faults", f"{run.settled.seconds:.0f} s"
    yield "orphaned files and chunks that housekeeping deleted at the end", str(run.settled.orphaned)


def _seconds(values: Sequence[float]) -> str:
    names = ("median", "90 %", "99 %", "maximum")
    found = percentiles(values, *_SHARES)
    return ", ".join(f"{name} {value:.1f} s" for name, value in zip(names, found, strict=False)) or "–"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "0"


def _details(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"- and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return ["", f"### {title}", "", *(f"- {line}" for line in lines[:_LISTED]), *more]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows)]
