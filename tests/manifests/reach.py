"""Who reaches whom under a set of NetworkPolicies, as the API's reference defines it.

A pod that a policy selects is isolated in the policy's directions, and then reaches, or is reached by, the sum of what
its policies allow: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.manifests.kustomize import Object
from tests.manifests.pods import of_kind


@dataclass(frozen=True)
class Peer:
    """A pod, in our namespace or another, or an address outside of the cluster."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None
    address: str | None = None


def reaches(objects: Sequence[Object], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is allowed on both sides."""
    policies = of_kind(objects, "NetworkPolicy")
    return _allows(policies, "Egress", source, target, port, protocol) and _allows(
        policies, "Ingress", target, source, port, protocol
    )


def _allows(policies: Sequence[Object], direction: str, pod: Peer, other: Peer, port: int, protocol: str) -> bool:
    if pod.namespace is not None or pod.address is not None:
        return True  # not ours to say
    chosen = [
        p for p in policies if direction in p["spec"]["policyTypes"] and _selects(p["spec"]["podSelector"], pod.labels)
    ]
    if not chosen:
        return True
    rules = [rule for policy in chosen for rule in policy["spec"].get(direction.lower(), [])]
    side = "to" if direction == "Egress" else "from"
    return any(
        ("ports" not in rule or any(entry["port"] == port and entry["protocol"] == protocol for entry in rule["ports"]))
        and any(_is(entry, other) for entry in rule[side])
        for rule in rules
    )


def _is(entry: Object, peer: Peer) -> bool:
    if "ipBlock" in entry:
        if peer.address is None:
            return False  # pods are chosen by selectors: their addresses change
        network = ipaddress.ip_network(entry["ipBlock"]["cidr"])
        address = ipaddress.ip_address(peer.address)
        return address.version == network.version and address in network
    if peer.address is not None:
        return False
    if "namespaceSelector" in entry:
        if not _selects(entry["namespaceSelector"], {"kubernetes.io/metadata.name": peer.namespace or "ours"}):
            return False
    elif peer.namespace is not None:
        return False
    return "podSelector" not in entry or _selects(entry["podSelector"], peer.labels)


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True
