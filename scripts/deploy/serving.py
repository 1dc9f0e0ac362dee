"""What ./start-services.sh does: the services on this machine's ports, and where to find them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.deploy import folders, forwards, host_names
from scripts.deploy.cluster import Cluster
from scripts.deploy.errors import DeployError
from scripts.deploy.overlay import Overlay
from scripts.deploy.plan import say

_HTTP = 80


def serve(namespace: str, ports: Mapping[str, int]) -> None:
    """Starts what is not running yet and prints the addresses. Raises DeployError."""
    cluster = Cluster.current(namespace)
    cluster.check_reachable()
    there = {item["metadata"]["name"] for item in cluster.ours("services")}
    wanted = [service for service in forwards.SERVICES if service.name in there]
    if not wanted:
        raise DeployError(
            f"The namespace {namespace} of {cluster.context} has no services of it. Run ./deploy.sh first."
        )
    with folders.locked(folders.private(folders.FORWARDS), "the port-forwards"):
        opened = {}
        for service in wanted:
            forward = forwards.start(cluster, service, ports.get(service.name))
            opened[service.name] = forward.port
            usual = service.local[0]
            if service.name not in ports and forward.port != usual:
                say(f"note: {service.name} is on port {forward.port}: {usual} is taken, or only root may use it.")
    print("\n".join(_addresses(cluster, opened)), flush=True)


def _addresses(cluster: Cluster, opened: Mapping[str, int]) -> Iterator[str]:
    for name, label in (("gateway", "Gateway"), ("auth", "Auth"), ("rabbitmq", "RabbitMQ"), ("mailpit", "Mailpit")):
        if name in opened:
            yield f"{label:<9} {url('localhost', opened[name])}"
    host = _public_host(cluster)
    if host:
        nodes = {address["address"] for node in cluster.get("nodes") for address in node["status"].get("addresses", [])}
        problem = host_names.warning(host, nodes)
        yield problem or f"          {url(host, opened['gateway'])} leads here too." if "gateway" in opened else ""
    if "rabbitmq" in opened:
        yield "RabbitMQ's user is video2mp3; its password:"
        yield (
            f"  kubectl --namespace {cluster.namespace} get secret rabbitmq-secret"
            " --output 'jsonpath={.data.RABBITMQ_DEFAULT_PASS}' | base64 --decode"
        )
    yield f"Logs: {_short(folders.FORWARDS)}/*.log. End them with ./start-services.sh --stop."


def url(host: str, port: int) -> str:
    """As a person would type it."""
    return f"http://{host}" if port == _HTTP else f"http://{host}:{port}"


def _public_host(cluster: Cluster) -> str | None:
    hosts = Overlay("", cluster.ours("ingresses.networking.k8s.io")).ingress_hosts("gateway")
    return hosts[0] if hosts else None


def _short(path: Path) -> Path:
    return path.relative_to(folders.ROOT)


def end() -> None:
    """Ends what this checkout started."""
    with folders.locked(folders.private(folders.FORWARDS), "the port-forwards"):
        ended = forwards.stop()
    say(f"Ended: {', '.join(ended)}." if ended else "No port-forward of this checkout runs.")
