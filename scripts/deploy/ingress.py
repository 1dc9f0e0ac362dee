"""How the gateway is reached from outside of the cluster: host names, Ingress class, certificate and Gateway."""

import re
from collections.abc import Iterable, Iterator, Mapping

from scripts.deploy.cluster import Object
from scripts.deploy.manifests import Overlay

# The names of the Ingresses whose host names they set.
_HOSTS = {"GATEWAY_HOST": "gateway", "RABBITMQ_MANAGER_HOST": "rabbitmq"}
# A name of Kubernetes, and one with its namespace.
_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_PATTERNS = {
    "INGRESS_CLASS": _NAME,
    "INGRESS_NAMESPACE": _NAME,
    "GATEWAY_TLS_SECRET": _NAME,
    "CERTIFICATE_ISSUER": _NAME,
    "HTTPROUTE_GATEWAY": rf"({_NAME}/)?{_NAME}",
}
_ISSUER = "cert-manager.io/cluster-issuer"
# The policies that admit the Ingress controller, in the first rule of their ingress.
_POLICIES = {"gateway", "rabbitmq-management"}

VARIABLES = frozenset({*_HOSTS, *_PATTERNS})


def problems(values: Mapping[str, str]) -> Iterator[str]:
    for name, pattern in _PATTERNS.items():
        if name in values and not re.fullmatch(pattern, values[name]):
            yield f"{name}: is not a name of a Kubernetes object"
    if "CERTIFICATE_ISSUER" in values and "GATEWAY_HOST" not in values:
        yield "GATEWAY_HOST is missing: CERTIFICATE_ISSUER needs the host name of the certificate."


def apply(values: dict[str, str], overlay: Overlay) -> None:
    """Writes the values into Ingresses, the HTTPRoute and network policies, and sets the default of PUBLIC_URL."""
    for variable, name in _HOSTS.items():
        if variable in values:
            _set_host(overlay, name, values[variable])
    for item in overlay.of_kind("Ingress"):
        if "INGRESS_CLASS" in values:
            item["spec"]["ingressClassName"] = values["INGRESS_CLASS"]
        if item["metadata"]["name"] == "gateway":
            _set_certificate(item, values)
    _set_gateway(overlay, values.get("HTTPROUTE_GATEWAY", ""))
    if "INGRESS_NAMESPACE" in values:
        _admit(overlay, values["INGRESS_NAMESPACE"])
    if "GATEWAY_HOST" in values:
        values.setdefault("PUBLIC_URL", f"{_scheme(overlay)}://{values['GATEWAY_HOST']}")


def keep_class(overlay: Overlay, running: Iterable[Object]) -> None:
    """Gives Ingresses without a class the one that they have in the cluster.

    Kubernetes sets the default class only when it creates an Ingress. Earlier releases named the class nginx: without
    it, no controller would serve the updated Ingress.
    """
    classes = {item["metadata"]["name"]: item["spec"].get("ingressClassName") for item in running}
    for item in overlay.of_kind("Ingress"):
        if found := classes.get(item["metadata"]["name"]):
            item["spec"].setdefault("ingressClassName", found)


def _set_host(overlay: Overlay, name: str, host: str) -> None:
    for item in (item for item in overlay.of_kind("Ingress", "HTTPRoute") if item["metadata"]["name"] == name):
        if item["kind"] == "HTTPRoute":
            item["spec"]["hostnames"] = [host]
            continue
        for rule in item["spec"]["rules"]:
            rule["host"] = host
        for tls in item["spec"].get("tls", []):
            tls["hosts"] = [host]


def _set_gateway(overlay: Overlay, gateway: str) -> None:
    namespace, _, name = gateway.rpartition("/")
    for item in overlay.of_kind("HTTPRoute"):
        if name:
            item["spec"]["parentRefs"] = [{"name": name, **({"namespace": namespace} if namespace else {})}]


def _admit(overlay: Overlay, namespace: str) -> None:
    labels = {"kubernetes.io/metadata.name": namespace}
    for item in overlay.of_kind("NetworkPolicy"):
        if item["metadata"]["name"] in _POLICIES:
            item["spec"]["ingress"][0]["from"] = [{"namespaceSelector": {"matchLabels": labels}}]


def _set_certificate(item: Object, values: Mapping[str, str]) -> None:
    """GATEWAY_TLS_SECRET names a certificate's Secret, which cert-manager creates with CERTIFICATE_ISSUER."""
    issuer = values.get("CERTIFICATE_ISSUER")
    secret = values.get("GATEWAY_TLS_SECRET", "gateway-tls" if issuer else None)
    annotations: dict[str, str] = item["metadata"].setdefault("annotations", {})
    if issuer:
        annotations[_ISSUER] = issuer
    elif secret:
        # The certificate is the operator's own: cert-manager must not replace it.
        annotations.pop(_ISSUER, None)
    if secret:
        hosts = [rule["host"] for rule in item["spec"]["rules"]]
        item["spec"]["tls"] = [{"hosts": hosts, "secretName": secret}]


def _scheme(overlay: Overlay) -> str:
    """With an HTTPRoute, the certificate is the Gateway's: the overlay's own address says whether there is one."""
    with_tls = any(item["spec"].get("tls") for item in overlay.of_kind("Ingress"))
    own = overlay.data("gateway-configmap").get("PUBLIC_URL", "")
    return "https" if with_tls or own.startswith("https:") else "http"
