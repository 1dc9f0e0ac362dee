"""The digest of an image's inputs: the same content has the same name, and nothing else matters."""

from pathlib import Path

import pytest

from scripts.deploy import build_inputs

_DOCKERFILE = """FROM base AS build
COPY --chown=1:1 requirements.lock \\
    # a comment
    ./
RUN --mount=type=bind,source=tools,target=/tools --mount=type=cache,target=/c make
COPY ["service", "/app"]
FROM base
COPY --from=build /app /app
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context with what the image takes, and what it does not."""
    for name in ("requirements.lock", "tools/make", "service/main.py", "service/README.md", "other/main.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    (tmp_path / ".dockerignore").write_text("**\n!requirements.lock\n!tools\n!service\n**/*.md\n")
    (tmp_path / "Dockerfile").write_text(_DOCKERFILE)
    return tmp_path


def digest(context: Path) -> str:
    """Of the image as it would be built now."""
    return build_inputs.digest(context / "Dockerfile", context)


def test_the_sources_of_a_dockerfile_are_found() -> None:
    assert build_inputs.sources(_DOCKERFILE) == ["requirements.lock", "tools", "service"]


@pytest.mark.parametrize("name", ["requirements.lock", "tools/make", "service/main.py", "Dockerfile", "service/new.py"])
def test_what_the_image_takes_changes_its_name(context: Path, name: str) -> None:
    before = digest(context)
    (context / name).write_text("FROM other\nCOPY service /app\n")
    assert digest(context) != before


@pytest.mark.parametrize("name", ["other/main.py", "service/README.md", "service/__pycache__/main.pyc", "other/new.py"])
def test_what_the_image_does_not_take_does_not(context: Path, name: str) -> None:
    before = digest(context)
    (context / name).parent.mkdir(exist_ok=True)
    (context / name).write_text("changed")
    assert digest(context) == before


def test_a_permission_to_execute_is_content(context: Path) -> None:
    before = digest(context)
    (context / "tools/make").chmod(0o755)
    assert digest(context) != before


def test_times_are_not(context: Path) -> None:
    before = digest(context)
    (context / "service/main.py").touch()
    assert digest(context) == before
