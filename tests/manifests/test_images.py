"""The Dockerfiles, as far as they can be judged without building: sizes and start-up are measured on a cluster."""

import ctypes
import re
from pathlib import Path

import pytest

from scripts.stack import environment
from tests.manifests.kustomize import ROOT, render
from tests.manifests.pods import pods

_SOURCE = ROOT / "src"
_SERVICES = ("auth", "backup", "converter", "gateway", "notification", "summary")


def _stages(dockerfile: str) -> list[str]:
    """The text of each stage without comments, each instruction in one line."""
    text = (_SOURCE / dockerfile).read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]


def _final(service: str) -> str:
    """The instructions that an image is made of: its own stage, and those before and after it."""
    if service == "nginx":
        return _stages("nginx/Dockerfile")[-1]
    _, base, *services, last = _stages("Dockerfile")
    own = next(stage for stage in services if stage.startswith(f"base AS {service}\n"))
    return "\n".join((base, own, last))


def test_each_service_has_an_image() -> None:
    names = {stage.split()[2] for stage in _stages("Dockerfile") if stage.startswith("base AS")}
    assert names == set(_SERVICES)
    assert [path.parent.name for path in _SOURCE.glob("*/Dockerfile")] == ["nginx"]


def test_the_images_and_what_builds_them_start_from_the_pinned_python() -> None:
    assert "ARG PYTHON_IMAGE=python:3.13-slim-trixie\n" in (_SOURCE / "Dockerfile").read_text()
    froms = [stage.split()[0] for stage in _stages("Dockerfile")]
    assert froms == ["$PYTHON_IMAGE", "$PYTHON_IMAGE", *["base"] * len(_SERVICES), "$SERVICE"]


def test_an_image_has_the_locked_packages_of_its_service_alone() -> None:
    build = _stages("Dockerfile")[0]
    assert "uv pip sync" in build
    assert build.count("--require-hashes") == 2
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", build, re.MULTILINE)
    assert set(copied) == {"build.lock", "$SERVICE/requirements.lock", "common", "$SERVICE"}
    for service in _SERVICES:
        assert re.findall(r"^COPY (?!--from)", _final(service), re.MULTILINE) == []


def test_the_image_of_nginx_has_the_page_built_from_locked_packages() -> None:
    page, final = _stages("nginx/Dockerfile")
    text = (_SOURCE / "nginx" / "Dockerfile").read_text()
    assert "ARG NODE_IMAGE=node:24-slim\n" in text
    assert "ARG DEBIAN_IMAGE=debian:trixie-slim\n" in text
    assert "npm ci --ignore-scripts" in page
    assert set(re.findall(r"web/\S+", page)) == {"web/package.json", "web/package-lock.json", "web/.npmrc"}
    assert "COPY --from=page /web/dist /web" in final
    assert "COPY nginx/start.sh nginx/nginx.conf.template /opt/nginx/" in final
    assert "STOPSIGNAL SIGQUIT" in final, "requests in progress would be cut off"
    assert '"resolved"' not in (_SOURCE / "web" / "package-lock.json").read_text()


@pytest.mark.parametrize("service", sorted(environment.IMAGES))
def test_a_stack_without_containers_sets_what_the_image_sets(service: str) -> None:
    words = " ".join(re.findall(r"^ENV (.*)$", _final(service), re.MULTILINE)).split()
    image = dict(word.split("=", 1) for word in words)
    assert environment.IMAGES[service].items() <= image.items()
    unset = {name for name in image if name.startswith("MALLOC_")} - set(environment.IMAGES[service])
    assert unset == set()


@pytest.mark.parametrize("service", [*_SERVICES, "nginx"])
def test_no_compiler_and_no_cache_stay_in_an_image(service: str) -> None:
    final = _final(service)
    assert re.findall(r"\b(gcc|libc6-dev|build-essential|pip|uv)\b", final) == []
    for line in re.findall(r"^RUN (.*)$", final, re.MULTILINE):
        if "apt-get install" in line:
            assert "--no-install-recommends" in line
            assert "rm -rf /var/lib/apt/lists/*" in line


@pytest.mark.parametrize("service", [*_SERVICES, "nginx"])
def test_an_image_runs_one_process_that_is_not_root_and_gets_signals(service: str) -> None:
    final = _final(service)
    assert "\nUSER 10001:10001\n" in final
    assert re.search(r'^CMD \["', final, re.MULTILINE), "the shell form would keep SIGTERM"
    assert "ENTRYPOINT" not in final
    assert "org.opencontainers.image.title" in final
    assert "org.opencontainers.image.description" in final


def test_the_pods_run_as_the_user_of_the_images() -> None:
    users = {pod.name: pod.spec["securityContext"]["runAsUser"] for pod in pods(render(("minikube",))) if pod.is_ours}
    assert users
    assert set(users.values()) == {10001}, users


def test_the_auth_image_has_the_client_library_and_tries_to_load_its_plugin_for_mysql_8() -> None:
    final = _final("auth")
    assert "libmariadb3" in final
    assert "mysql_client_find_plugin" in final
    assert "caching_sha2_password" in final


def test_debians_client_library_loads_the_plugin_for_mysql_8() -> None:
    # The same package as in the image; https://mariadb.com/docs/connectors/mariadb-connector-c describes the functions.
    library = ctypes.CDLL("libmariadb.so.3")
    library.mysql_init.restype = library.mysql_client_find_plugin.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.mysql_init(None))
    authentication = 2  # MYSQL_CLIENT_AUTHENTICATION_PLUGIN
    try:
        assert library.mysql_client_find_plugin(handle, b"caching_sha2_password", authentication)
        assert not library.mysql_client_find_plugin(handle, b"no_such_plugin", authentication)
    finally:
        library.mysql_close(handle)


def test_the_build_context_is_the_services_code() -> None:
    lines = (_SOURCE / ".dockerignore").read_text().splitlines()
    assert lines[1] == "**", "what is not named stays out"
    named = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert named == {"build.lock", "common", "nginx", "web", "auth/migrations/*.sql", *_SERVICES}
    assert {"web/node_modules", "web/dist"} <= set(lines), "a build outside must not get in"
    assert {"**/__pycache__", "**/manifests", "**/Dockerfile"} <= set(lines)


def test_the_builds_own_tools_are_pinned_with_hashes() -> None:
    text = Path(_SOURCE, "build.lock").read_text()
    assert re.findall(r"^([a-z]+)==\S+ \\$", text, re.MULTILINE) == ["setuptools", "uv"]
    assert text.count("--hash=sha256:") > 2
