"""Someone who runs the system with its scripts and kubectl; everything they do is printed."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# s. Images are built and pulled, databases made, and a converter ends its job first.
_TIMEOUT = 2400
SERVICES = ("auth", "gateway", "converter", "notification", "summary")
SERVERS = ("rabbitmq", "mongodb", "mysql")


def report(line: str) -> None:
    """Prints what is done: pytest shows it with -s, or when a test fails."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass
class Operator:
    """A checkout and a namespace; `components` are deployed besides what the default overlay has."""

    checkout: Path
    namespace: str
    components: tuple[str, ...] = ()
    urls: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, *words: str) -> str:
        """Runs one of the scripts, which must succeed; returns what it said."""
        options = [] if "--stop" in words else ["--namespace", self.namespace]
        report(f"\n$ ./{script} {shlex.join([*options, *words])}")
        done = subprocess.run(
            [str(self.checkout / script), *options, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_TIMEOUT,
            check=False,
        )  # fmt: skip
        report(done.stdout)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def deploy(self, *components: str) -> str:
        """Runs ./deploy.sh, with further components if wanted; returns what it printed."""
        chosen = dict.fromkeys((*self.components, *components))
        return self.run("deploy.sh", *(word for name in chosen for word in ("--with", name)))

    @property
    def autoscaled(self) -> frozenset[str]:
        """The apps whose number of pods changes by itself."""
        return frozenset({"gateway", "converter"} if "autoscaling" in self.components else ())

    def kubectl(self, *words: str, seconds: float = 900, quiet: bool = False) -> str:
        """Runs kubectl in the namespace; returns what it printed."""
        if not quiet:
            report(f"$ kubectl {shlex.join(words)}"[:200])
        done = subprocess.run(
            ["kubectl", "--namespace", self.namespace, *words],
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def objects(self, kinds: str, *words: str) -> list[dict[str, Any]]:
        """The objects in the namespace."""
        text = self.kubectl("get", kinds, "--output=json", *words, quiet=True)
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def pods(self) -> dict[str, set[str]]:
        """What identifies the pods that run for good, by app: it changes when they are replaced or restart.

        Of autoscaled apps only the version of the pod template counts.
        """
        found: dict[str, set[str]] = {}
        for pod in self.objects("pods"):
            labels = pod["metadata"]["labels"]
            app = labels.get("app", "")
            if app not in {*SERVICES, *SERVERS, "mailpit"} or "deletionTimestamp" in pod["metadata"]:
                continue
            if app in self.autoscaled:
                found.setdefault(app, set()).add(labels["pod-template-hash"])
            else:
                restarts = sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))
                found.setdefault(app, set()).add(f"{pod['metadata']['uid']} restarted {restarts} times")
        return found

    def start_services(self) -> None:
        """Opens the ports and notes the addresses."""
        said = self.run("start-services.sh")
        for label, url in re.findall(r"^(Gateway|Auth|RabbitMQ|Mailpit) +(http://localhost\S*)$", said, re.MULTILINE):
            self.urls[label.lower()] = url.replace("localhost", "127.0.0.1")
        assert set(self.urls) == {"gateway", "auth", "rabbitmq", "mailpit"}

    def wait_until_rolled_out(self) -> None:
        """Returns when every workload runs."""
        for item in self.objects("deployments,statefulsets"):
            name = f"{item['kind'].lower()}/{item['metadata']['name']}"
            self.kubectl("rollout", "status", name, "--timeout=600s", quiet=True)
