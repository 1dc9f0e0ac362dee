"""`serving`: requests a second, against a Flask route that returns a constant under the same server."""

import re
import subprocess
from collections.abc import Iterator
from functools import partial

from scripts.bench import samples, servers
from scripts.bench.results import Result, Target, interleaved
from scripts.bench.system import Scale, System

_CONNECTIONS = 16


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """`/validate` and `/jobs`, asked by wrk over kept-alive connections."""
    seconds = scale.of(4, 1)
    fids = [system.upload(samples.tone()) for _ in range(3)]
    for fid in fids:
        system.wait(fid)
    uri = system.stack.environment["MONGO_URI"]
    with servers.flask(uri) as peer, servers.flask(uri, asks=peer) as other:
        constant = f"{peer}/constant"
        # A request to the gateway also makes one to the auth service and a query: what those cost alone.
        listing = f"{other}/listing?username={system.email}"
        asking = f"{other}/asking?username={system.email}"
        for name, method, url, against, what in (
            ("/validate", "POST", f"{system.stack.url('auth')}/validate", constant, "Flask, a constant"),
            ("/jobs", "GET", f"{system.url}/jobs", constant, "Flask, a constant"),
            ("/jobs", "GET", f"{system.url}/jobs", asking, "Flask, asks Flask and MongoDB"),
            ("a Flask route that asks MongoDB", "GET", listing, constant, "Flask, a constant"),
            ("a Flask route that asks Flask and MongoDB", "GET", asking, constant, "Flask, a constant"),
        ):
            pairs = interleaved(
                scale.pairs,
                partial(_rate, url, seconds, method, system.token),
                partial(_rate, against, seconds, "GET", system.token),
            )
            # The last two are not this project's code: they show what the target asks for.
            target = Target(least=0.5) if name.startswith("/") else Target()
            yield Result(name, "requests/s", *pairs, what, target)
    for fid in fids:
        system.delete(fid)


def _rate(url: str, seconds: int, method: str, token: str) -> float:
    script = samples.CACHE / "request.lua"
    # The token is in a file: every user can see arguments.
    script.write_text(f'wrk.method = "{method}"\nwrk.headers["Authorization"] = "Bearer {token}"\n')
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    if "Non-2xx" in out:
        raise RuntimeError(f"{url} refuses: {out}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if found is None:
        raise RuntimeError(f"wrk says {out}")
    return float(found[1])
