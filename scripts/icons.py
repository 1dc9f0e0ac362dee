"""`python -m scripts.icons`: draws the icons of the web app from its favicon, with the browser of the browser tests."""

from pathlib import Path

from playwright.sync_api import sync_playwright

_PUBLIC = Path(__file__).resolve().parents[1] / "src" / "web" / "public"
_CHROMIUM = "/usr/bin/chromium"
# The corners of the favicon, which a maskable icon must not have: each platform cuts its own.
_CORNERS = ' rx="7"'


def main() -> None:
    """Writes public/icons, which the manifest of the web app lists."""
    favicon = (_PUBLIC / "favicon.svg").read_text()
    (_PUBLIC / "icons").mkdir(exist_ok=True)
    drawings = {"192": (192, favicon), "512": (512, favicon), "maskable-512": (512, favicon.replace(_CORNERS, ""))}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        for name, (size, drawing) in drawings.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{drawing}")
            page.screenshot(path=_PUBLIC / "icons" / f"{name}.png", omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
