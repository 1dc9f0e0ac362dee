"""A user of the page: finds what it shows, and does what a person can do."""

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import CDPSession, ConsoleMessage, Locator, Page, Request, ViewportSize, expect

from tests.waiting import eventually

# Builds what the browser builds when files are dragged from the desktop.
_DRAGGED = """files => {
    const dragged = new DataTransfer();
    for (const [name, content, type] of files) {
        const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
        dragged.items.add(new File([bytes], name, { type, lastModified: 1 }));
    }
    return dragged;
}"""

# What a browser sends to a share target: a form with the file, which another page has loaded.
_SHARE = """async ([name, content]) => {
    const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name, { type: "video/mp4" }));
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", action: "/app/share", enctype: "multipart/form-data" });
    const input = document.createElement("input");
    Object.assign(input, { type: "file", name: "file", files: files.files });
    form.append(input);
    document.body.append(form);
    form.submit();
}"""

WIDE: ViewportSize = {"width": 1000, "height": 760}
_PHONE: ViewportSize = {"width": 390, "height": 760}
# The sizes and colours in which each screen is looked at.
LOOKS: dict[str, tuple[ViewportSize, Literal["light", "dark"]]] = {
    "light": (WIDE, "light"), "dark": (WIDE, "dark"), "phone": (_PHONE, "light"),
}  # fmt: skip

_ROOT = Path(__file__).resolve().parents[2]
_AXE = _ROOT / "src" / "web" / "node_modules" / "axe-core" / "axe.min.js"
_SCREENSHOTS = Path(os.environ.get("V2M_SCREENSHOTS", _ROOT / ".local" / "screenshots"))
# Problems for people with disabilities, by the rules of WCAG.
_SERIOUS = "r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
_FINDINGS = f"() => axe.run(document).then({_SERIOUS})"


@dataclass
class Visitor:
    """A browser window and its user."""

    page: Page
    # The name of the window's size and colours, for screenshots.
    look: str = ""
    # Uncaught exceptions, and violations of the Content-Security-Policy.
    problems: list[str] = field(default_factory=list)
    # Upload-Offset of each PATCH, in order.
    offsets: list[int] = field(default_factory=list)
    _session: CDPSession | None = None

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", self._request)
        # Confirms "Leave the page?" while there are uploads.
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _console(self, message: ConsoleMessage) -> None:
        # Messages without an address are from scripts of the tests: axe-core tests styles.
        if "Content Security Policy" in message.text and message.location["url"]:
            self.problems.append(f"{message.location}: {message.text}")

    def _request(self, request: Request) -> None:
        if "upload-offset" in request.headers:
            self.offsets.append(int(request.headers["upload-offset"]))

    def opens(self, path: str) -> None:
        self.page.goto(path)

    def is_signed_in(self, token: str) -> None:
        """Signs in without the form."""

        def kept() -> bool:
            self.page.goto("/favicon.svg")
            if self.page.evaluate("localStorage.getItem('video2mp3.token')") == token:
                return True
            self.page.evaluate("token => localStorage.setItem('video2mp3.token', token)", token)
            return False

        # On a busy machine the browser may load the next page before it has stored the token.
        eventually(kept)

    def registers(self, email: str, password: str) -> None:
        self.page.get_by_role("link", name="Create one").click()
        self._fills_in(email, password, "Create account")

    def signs_in(self, email: str, password: str) -> None:
        self._fills_in(email, password, "Sign in")

    def _fills_in(self, email: str, password: str, button: str) -> None:
        # The forms have the same fields: on a busy machine the form that was open before may still be there.
        expect(self.page.get_by_role("button", name=button)).to_be_visible()
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name=button).click()

    def drops(self, *paths: Path, kind: str = "video/mp4") -> None:
        """Drags files from the desktop into the page; `kind` is the type that the browser assigns to them."""
        files = [(path.name, base64.b64encode(path.read_bytes()).decode(), kind) for path in paths]
        area = self.page.get_by_text("Drop videos here")
        area.dispatch_event("drop", {"dataTransfer": self.page.evaluate_handle(_DRAGGED, files)})

    def shares(self, path: Path, name: str) -> None:
        """Shares a file from another app, as the share target of the installed page."""
        self.page.evaluate(_SHARE, [name, base64.b64encode(path.read_bytes()).decode()])
        self.page.wait_for_url("**/?shared=stored")

    def chooses(self, *paths: Path) -> None:
        """Chooses files in the dialog of the page's input."""
        self.page.locator("input[type=file][multiple]").set_input_files([str(path) for path in paths])

    def upload(self, name: str) -> Locator:
        """The row of an upload."""
        return self.page.locator("li[data-state]").filter(has_text=name)

    def ends_upload(self, name: str, label: str) -> None:
        """Presses "Cancel" or "Remove", which is in the menu of the row if a narrow window has no space for it."""
        button = self.page.get_by_role("button", name=f"{label} {name}")
        menu = self.page.get_by_role("button", name=f"More actions for the upload of {name}")
        expect(button.or_(menu)).to_be_visible()
        if menu.is_visible():
            menu.click()
            self.page.get_by_role("menuitem", name=label).click()
        else:
            button.click()

    def preset(self, name: str) -> Locator:
        """The radio button of a preset."""
        return self.page.get_by_role("radio", name=name, exact=True)

    def chooses_preset(self, name: str) -> None:
        # The radio button itself is hidden behind its label.
        self.page.locator("label").filter(has=self.page.get_by_text(name, exact=True)).first.click()
        expect(self.preset(name)).to_be_checked()

    def job(self, name: str) -> Locator:
        """The row of a job."""
        return self.page.locator("li[data-job]").filter(has_text=name)

    def sees_job(self, name: str, status: str) -> Locator:
        """Waits until the job has that status."""
        job = self.job(name)
        expect(job).to_have_attribute("data-status", status)
        return job

    def does(self, name: str, label: str) -> None:
        """Chooses from the menu of a job."""
        self.page.get_by_role("button", name=f"More actions for {name}").click()
        self.page.get_by_role("menuitem", name=label).click()

    def downloads(self, name: str, folder: Path) -> Path:
        """Saves the MP3 of a job."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=f"Download {name}").click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def shows(self, name: str) -> None:
        """Takes a screenshot; fails on serious findings of axe-core, and when the page scrolls horizontally."""
        page = self.page
        _SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        # Elements that fade in have their colours only at the end.
        page.wait_for_function("() => document.getAnimations().every(a => a.playState !== 'running')")
        page.screenshot(path=_SCREENSHOTS / f"{name}-{self.look}.png", animations="disabled")
        page.evaluate(_AXE.read_text())
        findings = page.evaluate(_FINDINGS)
        said = [f"{found['id']}: {node['html'][:200]}" for found in findings for node in found["nodes"]]
        assert not said, "\n".join([name, *said])
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"

    def shows_in_all_looks(self, name: str) -> None:
        """As `shows`, in each size and colour scheme: for screens that take long to get to."""
        for self.look, (viewport, colours) in LOOKS.items():
            self.page.set_viewport_size(viewport)
            self.page.emulate_media(color_scheme=colours, reduced_motion="reduce")
            self.shows(name)
        self.page.set_viewport_size(WIDE)

    def has_a_slow_line(self, bytes_a_second: int) -> None:
        """Limits the upload rate of this window."""
        self._line(offline=False, upload=bytes_a_second)

    def loses_the_network(self) -> None:
        self._line(offline=True, upload=-1)

    def has_a_fast_line(self) -> None:
        """Removes the limit, or reconnects."""
        self._line(offline=False, upload=-1)

    def _line(self, *, offline: bool, upload: int) -> None:
        if self._session is None:
            self._session = self.page.context.new_cdp_session(self.page)
        conditions: dict[str, Any] = {"offline": offline, "latency": 0, "downloadThroughput": -1}
        self._session.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": upload})
