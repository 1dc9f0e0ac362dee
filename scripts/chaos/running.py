"""A run: users upload while processes fail; then the system becomes quiet and is examined."""

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.chaos import looking, plan, samples, targets
from scripts.chaos.clients import Clients, Record
from scripts.chaos.injecting import Injected, Injector
from scripts.chaos.looking import Emails, Outcome
from scripts.chaos.settling import Settled, settle
from scripts.chaos.verdict import losses
from scripts.stack import Stack

# A suspension may be longer than a lease by this factor.
_BEYOND_LEASE = 1.5


@dataclass(frozen=True)
class Size:
    seed: int
    minutes: float
    uploads: int
    every: float
    """Seconds between two faults."""
    limit: float
    """Seconds after the faults until nothing may be under way any more."""


@dataclass(frozen=True)
class Run:
    """Everything that was done and seen."""

    size: Size
    injected: list[Injected]
    records: list[Record]
    outcomes: Mapping[str, Outcome]
    emails: Emails
    summaries: Mapping[str, str]
    durations: Mapping[str, float]
    deliveries: Mapping[str, Counter[str]]
    """By the queue: how often a message about each job was received."""
    tracebacks: Mapping[str, int]
    """In the logs of the services, by program."""
    mongodb_members: int
    elections: int | None
    settled: Settled

    @property
    def losses(self) -> list[str]:
        found = losses(self.records, self.outcomes, self.emails, self.summaries, self.durations)
        return [*self.settled.violations, *found]


def run(stack: Stack, size: Size) -> Run:
    seconds = size.minutes * 60
    longest = float(stack.environment["CLAIM_LEASE"]) * _BEYOND_LEASE
    faults = plan.plan_faults(size.seed, seconds, size.every, targets.available(stack), longest)
    weights = {kind: sample.weight for kind, sample in samples.SAMPLES.items()}
    sendings = plan.plan_uploads(size.seed, seconds, size.uploads, weights)
    durations = {kind: samples.duration(kind) for kind in weights}
    term = looking.election_term(stack.environment)
    maildir = Path(stack.environment["MAILDIR"])
    clients = Clients(stack.url("gateway"), maildir, plan.accounts(size.uploads))
    print(f"{len(sendings)} uploads and {len(faults)} faults in {size.minutes:g} minutes", file=sys.stderr)
    injector = Injector(stack.pids, stack.environment["MONGO_URI"], faults)
    try:
        injector.start()
        clients.run(sendings)
        injector.wait()
        print("No more faults; waiting until nothing is under way...", file=sys.stderr)
        clients.finish(size.limit)
        settled = settle(stack, size.limit)
    finally:
        clients.stop()
        injector.stop()
    later = looking.election_term(stack.environment)
    return Run(
        size=size, injected=injector.injected, records=clients.records, outcomes=looking.outcomes(stack),
        emails=looking.emails(maildir), summaries=looking.summaries(stack.environment), durations=durations,
        deliveries={
            "video": looking.deliveries(stack, r"converter(-\d+)?"), "mp3": looking.deliveries(stack, "notification"),
        },
        tracebacks=looking.tracebacks(stack), mongodb_members=stack.state.mongodb_members,
        elections=None if term is None or later is None else later - term, settled=settled,
    )  # fmt: skip
