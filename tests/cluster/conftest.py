"""A checkout of its own, deployed with its scripts to the cluster that kubectl points to, in a namespace of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.operations import Operator

_ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("deploy.sh", "undeploy.sh", "start-services.sh", "setup-host.sh", "scripts", "src", "manifests")
# Not the default one: a system that is in use there must not be touched.
_NAMESPACE = "video2mp3-test"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--with", action="append", default=[], dest="components", help="a component to deploy too")


@pytest.fixture(scope="session")
def operator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Someone with a copy of the checkout, which the tests may edit; the system is purged at the end."""
    checkout = tmp_path_factory.mktemp("cluster") / "checkout"
    checkout.mkdir()
    for name in _PARTS:
        path = _ROOT / name
        if path.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "node_modules", ".venv")
            shutil.copytree(path, checkout / name, ignore=ignore)
        else:
            shutil.copy(path, checkout / name)
    namespace = os.environ.get("V2M_CLUSTER_NAMESPACE", _NAMESPACE)
    made = Operator(checkout, namespace, tuple(request.config.getoption("components")))
    yield made
    made.run("undeploy.sh", "--purge")


@pytest.fixture(scope="session")
def system(operator: Operator) -> Operator:
    """The system, deployed at the first use, with its ports open."""
    operator.deploy()
    operator.start_services()
    return operator
