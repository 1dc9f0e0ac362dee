"""Chromium on the running stack. A test fails on an error in the page or a violation of its Content-Security-Policy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bson import ObjectId
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from common.domain.job_repository import Jobs
from common.domain.jobs import NOTIFIED
from common.domain.summaries import Summaries
from common.runtime.settings import MongoSettings
from common.storage import mongo
from scripts.stack import Stack
from tests.browser.visitor import LOOKS, WIDE, Visitor
from tests.person import Person

_CHROMIUM = "/usr/bin/chromium"
# CI runs as root in a container, where the sandbox does not work. The other flags stop traffic to the Internet.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# ms. The machine may be busy.
_TIMEOUT = 60_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each test has its own profile."""
    if not Path(_CHROMIUM).exists():
        pytest.fail("Chromium is missing. Run ./scripts/test.sh browser, which installs it.")
    expect.set_options(timeout=_TIMEOUT)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser window with its own profile; the options are those of Playwright's `new_context`."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def open_window(**options: object) -> Visitor:
        options = {"base_url": stack.url("gateway"), "viewport": WIDE, **options}
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(_TIMEOUT)
        visitor = Visitor(context.new_page())
        opened.append((context, visitor))
        return visitor

    yield open_window
    problems = [problem for _, visitor in opened for problem in visitor.problems]
    for context, _ in opened:
        context.close()
    assert problems == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """A user who is not signed in."""
    return visit()


@pytest.fixture
def owner(visitor: Visitor, person: Person) -> Visitor:
    """A user who is signed in as `person`."""
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    return visitor


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    """The name of a size and colour scheme."""
    return str(request.param)


@pytest.fixture
def window(look: str, visit: Callable[..., Visitor]) -> Visitor:
    """A window with that size and colour scheme; `shows(name)` checks what it shows."""
    viewport, colours = LOOKS[look]
    visitor = visit(viewport=viewport, color_scheme=colours, reduced_motion="reduce", has_touch=look == "phone")
    visitor.look = look
    return visitor


@pytest.fixture
def many_jobs(environment: dict[str, str]) -> Callable[[str, int], None]:
    """Records cancelled jobs, oldest first, without converting anything."""

    def record(email: str, count: int) -> None:
        with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
            jobs = Jobs(client[mongo.VIDEOS])
            for number in range(1, count + 1):
                fid = ObjectId()
                jobs.create(fid, email, f"video-{number}.mp4", {})
                ended = {"notice_sent": True, NOTIFIED: True, "published": True}
                jobs.update(fid, {}, {"status": "failed", "error": "", "error_code": "cancelled", **ended})

    return record


@pytest.fixture
def summaries(environment: dict[str, str]) -> Iterator[Summaries]:
    """The stored summaries, for tests that need a certain state."""
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        yield Summaries(client[mongo.VIDEOS])
