"""Every recipe of docs/recipes.md as it is written, on the deployed system, with its output checked."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import media
from tests.cluster.mailpit import person
from tests.cluster.operations import Operator, report
from tests.cluster.recipes import EXPECTED, FIRST, read
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(900)

# s for one recipe: a rollout is the longest.
_TIMEOUT = 400
# What they print comes a moment later: metrics, and what a converter does with a message.
_LATER = {"Use of processors and memory", "Everything about one job", "Showing the dead letters"}
# Its exit code says whether there are problems, such as dead letters of other tests.
_MAY_FAIL = {"Everything on one screen"}

Run = Callable[[str, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def job(system: Operator) -> Mapping[str, str]:
    """The variables of the recipes: an account with a completed job of today."""
    someone = person(system)
    fid = someone.uploads(media.make("mp4"))
    done = someone.waits_for(fid, seconds=600)
    assert done["status"] == "completed", done
    eventually(lambda: someone.is_notified(done["mp3_fid"]), seconds=300, what="the email")
    return {"EMAIL": someone.email, "FID": fid, "DAY": datetime.now(UTC).date().isoformat()}


@pytest.fixture(scope="module")
def run(system: Operator, job: Mapping[str, str]) -> Iterator[Run]:
    """Runs commands as somebody who has followed the page's beginning, in the namespace of the tests."""
    (first,) = (recipe for recipe in read() if recipe.title == FIRST)
    functions = first.commands.partition("# Runs the SQL")[2]
    assert "sql()" in functions
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "kubeconfig")
        config.write_text(system.kubectl("config", "view", "--raw", "--flatten", quiet=True))
        config.chmod(0o600)
        variables = {**os.environ, **job, "KUBECONFIG": str(config)}
        subprocess.run(
            ["kubectl", "config", "set-context", "--current", f"--namespace={system.namespace}"],
            env=variables, check=True, timeout=60, capture_output=True,
        )  # fmt: skip
        # Created by one recipe, and used by the next ones.
        password = Path(folder, "password")

        def bash(title: str, commands: str) -> "subprocess.CompletedProcess[str]":
            commands = re.sub(r"(deploy\.sh|--kubernetes)", rf"\1 --namespace {system.namespace}", commands)
            script = "\n".join(
                ("set -euo pipefail", f"#{functions}", f"PASSWORD=$(cat {password} 2>/dev/null || true)", commands)
            )
            if title == "A user for rabbitmqadmin":
                script += f'printf %s "$PASSWORD" >{password}\n'
            return subprocess.run(
                ["bash", "-c", script], env=variables, cwd=system.checkout,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=_TIMEOUT, check=False,
            )  # fmt: skip

        yield bash
        bash("", "./scripts/dead-letters.sh --kubernetes drop all")


@pytest.mark.parametrize("title", EXPECTED)
def test_a_recipe_does_what_the_page_says(run: Run, job: Mapping[str, str], title: str) -> None:
    (recipe,) = (recipe for recipe in read() if recipe.title == title)
    wanted = EXPECTED[title]
    for name, value in job.items():
        wanted = wanted.replace(f"${name}", re.escape(value))

    def matches() -> bool:
        done = run(title, recipe.commands)
        report(f"\n# {title}\n{recipe.commands}{done.stdout}")
        assert done.returncode == 0 or title in _MAY_FAIL, done.stdout
        assert re.search(wanted, done.stdout, re.MULTILINE), done.stdout
        return True

    eventually(matches, seconds=120 if title in _LATER else 0, pause=5, what=f"the output of {title}")
