"""The command lines of ./deploy.sh, ./undeploy.sh, ./start-services.sh and ./setup-host.sh."""

import argparse
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.deploy import deploy, forwards, host, manifests, status, undeploy
from scripts.deploy.programs import DeployError

_EXIT_INTERRUPTED = 130
_NEXT_STEPS = """\
Everything is running. Next:
  ./start-services.sh{option}              makes the services available on this machine's ports
  kubectl --namespace {namespace} get pods
  kubectl --namespace {namespace} logs -l app=converter -f"""


def _matching(pattern: str, message: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"{text!r}: {message}")
        return text

    return check


_namespace = _matching(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "use lower-case letters, digits, and dashes between them")
_registry = _matching(r"[\w.-]+(:\d+)?(/[a-z0-9._-]+)*/?", "use HOST/PATH, such as registry.example.com/video2mp3")


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    names = {service.name for service in forwards.SERVICES}
    if name not in names or not number.isdigit() or not 1 <= int(number) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: use NAME=PORT, such as gateway=8080")
    return name, int(number)


def _deploy(parser: argparse.ArgumentParser, words: Sequence[str]) -> bool:
    parser.description = "Installs or updates the system on the cluster of kubectl's current context."
    add = parser.add_argument
    overlay = parser.add_mutually_exclusive_group()
    overlay.add_argument("--overlay", default="minikube", choices=manifests.choices("overlays"),
                         help="a folder in manifests/overlays (default: minikube)")  # fmt: skip
    overlay.add_argument("--host-databases", dest="overlay", action="store_const", const=manifests.HOST_DATABASES,
                         help="use this machine's MySQL and MongoDB; see ./setup-host.sh")  # fmt: skip
    add("--with", dest="components", choices=manifests.choices("components"), action="append", default=[],
        help="a folder in manifests/components; can be repeated")  # fmt: skip
    add("--registry", type=_registry, metavar="HOST/PATH", help="push the images there instead of into minikube")
    add("--skip-build", action="store_true", help="keep the images that the cluster runs")
    add("--dry-run", action="store_true", help="print what would be applied, without secrets; change nothing")
    add("--status", action="store_true", help="print what runs, and exit with 1 if something does not")
    add("--rollback", action="store_true", help="return to the images of the previous deployment")
    add("--timeout", type=float, metavar="SECONDS", default=900, help="for the rollouts (default: 900)")
    arguments = vars(parser.parse_args(words))
    if arguments.pop("status"):
        return status.show(arguments["namespace"])
    options = deploy.Options(**{**arguments, "components": tuple(dict.fromkeys(arguments["components"]))})
    deploy.deploy(options)
    if not options.dry_run:
        option = "" if options.namespace == "video2mp3" else f" --namespace {options.namespace}"
        print(_NEXT_STEPS.format(option=option, namespace=options.namespace))
    return True


def _undeploy(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    parser.description = "Deletes what ./deploy.sh created, and stops the port-forwards."
    parser.add_argument("--purge", action="store_true", help="delete the data and the passwords too, permanently")
    undeploy.undeploy(**vars(parser.parse_args(words)))


def _start_services(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    parser.description = "Forwards ports of this machine to the cluster's services."
    parser.add_argument("--stop", action="store_true", help="stop the port-forwards that this script started")
    parser.add_argument("--port", dest="ports", metavar="NAME=PORT", type=_port, action="append", default=[],
                        help="another port for gateway, auth, rabbitmq or mailpit; can be repeated")  # fmt: skip
    arguments = parser.parse_args(words)
    if arguments.stop:
        forwards.stop_all()
    else:
        forwards.start(arguments.namespace, dict(arguments.ports))


def _setup_host(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    parser.description = "Prepares this machine's MySQL and MongoDB for ./deploy.sh --host-databases."
    parser.add_argument("--dry-run", action="store_true", help="show the changes; make none")
    parser.add_argument("--yes", dest="agreed", action="store_true", help="do not ask")
    parser.add_argument("--etc", type=Path, default=Path("/etc"), metavar="FOLDER",
                        help="the folder of the servers' configuration (default: /etc)")  # fmt: skip
    host.set_up(**vars(parser.parse_args(words)))


_COMMANDS: dict[str, Callable[[argparse.ArgumentParser, Sequence[str]], bool | None]] = {
    "deploy": _deploy, "undeploy": _undeploy, "start-services": _start_services, "setup-host": _setup_host,
}  # fmt: skip


def main(command: str, *words: str) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog=f"./{command}.sh")
    parser.add_argument("--namespace", type=_namespace, default="video2mp3", help="default: video2mp3")
    try:
        # Only --status reports problems without an error.
        return 1 if _COMMANDS[command](parser, words) is False else 0
    except DeployError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Run the command again to continue.", file=sys.stderr)
        return _EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
