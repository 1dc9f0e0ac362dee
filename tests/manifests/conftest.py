"""Every overlay and component combination, rendered once for all tests."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.manifests.kustomize import Object, combinations, render

_COMBINATIONS = list(combinations())


@pytest.fixture(scope="session")
def _rendered() -> None:
    with ThreadPoolExecutor(max_workers=4) as workers:
        list(workers.map(_try, _COMBINATIONS))


def _try(combination: tuple[str, ...]) -> None:
    # The test that asks for it says what is wrong.
    try:
        render(combination)
    except AssertionError:
        return


@pytest.fixture(scope="session", params=_COMBINATIONS, ids="+".join)
def combination(request: pytest.FixtureRequest, _rendered: None) -> Sequence[str]:
    """An overlay and its components."""
    names: tuple[str, ...] = request.param
    return names


@pytest.fixture(scope="session")
def objects(combination: tuple[str, ...]) -> Sequence[Object]:
    """What kustomize makes of the combination."""
    return render(combination)
