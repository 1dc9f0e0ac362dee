"""The command lines of ./deploy.sh, ./undeploy.sh, ./start-services.sh and ./setup-host.sh."""

import argparse
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.deploy import deployment, host_setup, overlay, removal, serving
from scripts.deploy.errors import DeployError
from scripts.deploy.plan import Options

_INTERRUPTED = 130


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError("a namespace has small letters, digits and dashes between them")
    return text


def _registry(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+(:\d+)?(/[a-z0-9._-]+)*/?", text):
        raise argparse.ArgumentTypeError("not HOST/PATH, such as registry.example.com/video2mp3")
    return text


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in {"gateway", "auth", "rabbitmq", "mailpit"} or not number.isdigit() or not 1 <= int(number) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PORT, such as gateway=8080")
    return name, int(number)


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--namespace", type=_namespace, default="video2mp3", help="default: video2mp3")
    return parser


def _deploy(words: Sequence[str]) -> None:
    parser = _parser(
        "./deploy.sh", "Brings the whole system up on the cluster that kubectl points to. Run it again to update it."
    )
    parser.add_argument("--overlay", help="a folder in manifests/overlays (default: minikube)")
    parser.add_argument("--host-databases", action="store_true",
                        help="MySQL and MongoDB of this machine, prepared by ./setup-host.sh")  # fmt: skip
    parser.add_argument("--with", dest="components", metavar="COMPONENT", action="append", default=[],
                        help="a folder in manifests/components, such as network-policies; can be repeated")  # fmt: skip
    parser.add_argument(
        "--registry", type=_registry, metavar="HOST/PATH", help="push the images there, instead of into minikube"
    )
    parser.add_argument("--skip-build", action="store_true", help="go on with the images that run")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be applied, without secrets; change nothing"
    )
    parser.add_argument("--timeout", type=float, metavar="SECONDS", default=900, help="for all to run (default: 900)")
    arguments = parser.parse_args(words)
    if arguments.host_databases and arguments.overlay not in (None, overlay.HOST_DATABASES):
        parser.error("--host-databases is an overlay itself: leave --overlay out")
    chosen = overlay.HOST_DATABASES if arguments.host_databases else arguments.overlay or "minikube"
    options = Options(
        arguments.namespace, chosen, tuple(dict.fromkeys(arguments.components)), arguments.registry,
        arguments.skip_build, arguments.dry_run, arguments.timeout,
    )  # fmt: skip
    deployment.deploy(options)
    if not options.dry_run:
        option = "" if options.namespace == "video2mp3" else f" --namespace {options.namespace}"
        print(
            "Everything runs. Next:\n"
            f"  ./start-services.sh{option}              the services on this machine's ports\n"
            f"  kubectl --namespace {options.namespace} get pods\n"
            f"  kubectl --namespace {options.namespace} logs -l app=converter -f"
        )


def _undeploy(words: Sequence[str]) -> None:
    parser = _parser(
        "./undeploy.sh", "Removes what ./deploy.sh brought, and ends the port-forwards of ./start-services.sh."
    )
    parser.add_argument("--purge", action="store_true", help="remove the data and the passwords too, for ever")
    arguments = parser.parse_args(words)
    removal.undeploy(arguments.namespace, purge=arguments.purge)


def _serve(words: Sequence[str]) -> None:
    parser = _parser("./start-services.sh", "Brings the services to ports of this machine, and keeps them there.")
    parser.add_argument("--stop", action="store_true", help="end exactly the port-forwards that this script started")
    parser.add_argument("--port", dest="ports", metavar="NAME=PORT", type=_port, action="append", default=[],
                        help="another port for gateway, auth, rabbitmq or mailpit; can be repeated")  # fmt: skip
    arguments = parser.parse_args(words)
    if arguments.stop:
        serving.end()
    else:
        serving.serve(arguments.namespace, dict(arguments.ports))


def _set_up_host(words: Sequence[str]) -> None:
    parser = _parser("./setup-host.sh", "Prepares MySQL and MongoDB of this machine for ./deploy.sh --host-databases.")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done; change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--etc", type=Path, default=Path("/etc"), metavar="FOLDER",
                        help="where the servers' configuration is (default: /etc)")  # fmt: skip
    arguments = parser.parse_args(words)
    host_setup.set_up(arguments.namespace, etc=arguments.etc, dry_run=arguments.dry_run, agreed=arguments.yes)


_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "deploy": _deploy,
    "undeploy": _undeploy,
    "serve": _serve,
    "set-up-host": _set_up_host,
}


def main(words: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    try:
        _COMMANDS[words[0]](words[1:])
    except DeployError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Run it again: it goes on from what is there.", file=sys.stderr)
        return _INTERRUPTED
    return 0
