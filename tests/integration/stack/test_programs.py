"""Programs that come and go while others do."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts.stack import Stack, supervision
from scripts.stack.state import locked
from tests.waiting import eventually


def test_a_program_is_removed_while_nobody_else_changes_the_programs(stack: Stack):
    name = f"auth-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    stack.add(name, like="auth")
    configuration = supervision.specification_path(stack.state, name).with_suffix(".conf")
    # Its end waits for the removal, whatever fails in between.
    with ThreadPoolExecutor(1) as pool:
        with locked(stack.state.path):
            removing = pool.submit(stack.remove, name)
            eventually(lambda: stack.describe(name)["statename"] == "STOPPED", what="the program's end")
            # Another change, between reading the files and telling the process manager, would miss one of its programs.
            with pytest.raises(TimeoutError):
                removing.result(timeout=1)
            assert configuration.exists()
        removing.result(timeout=60)
    assert not configuration.exists()
    assert name not in Stack.open(stack.state.path).programs
