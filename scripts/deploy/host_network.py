"""Where the cluster's pods find this machine, and from which addresses they come."""

import ipaddress
import json
from dataclasses import dataclass

from scripts.deploy import credentials, host_names, prerequisites, programs
from scripts.deploy.cluster import Cluster
from scripts.deploy.errors import DeployError


@dataclass(frozen=True)
class HostNetwork:
    """This machine as the cluster sees it."""

    address: str
    # The networks that the pods' packets come from.
    sources: tuple[ipaddress.IPv4Network, ...]


def find(cluster: Cluster) -> HostNetwork:
    """Asks minikube's own node, which knows for any driver. Raises DeployError."""
    profile = prerequisites.minikube_profile(cluster)
    ssh = ["minikube", "--profile", profile, "ssh", "--", f"grep -w {credentials.HOST} /etc/hosts"]
    words = programs.output(ssh).split()
    address = words[0] if words else ""
    if not address:
        raise DeployError(f"The node of {profile} does not know {credentials.HOST}. Restart it: minikube start.")
    if not host_names.is_here(address):
        raise DeployError(
            f"{credentials.HOST} is {address}, which is not an address of this machine: the cluster runs in a virtual"
            " machine with a network of its own (Docker Desktop does that). Run the databases in the cluster instead."
        )
    # With the drivers docker, kvm2 and the like, pods are hidden behind their node, which is in the network of the
    # bridge. With the driver none, the node is this machine and pods come with their own addresses.
    nodes = cluster.get("nodes")
    sources = [_network_of(address)]
    if any(each["address"] == address for node in nodes for each in node["status"].get("addresses", [])):
        ranges = [node["spec"]["podCIDR"] for node in nodes if node.get("spec", {}).get("podCIDR")]
        sources.extend(ipaddress.IPv4Network(each) for each in ranges)
    return HostNetwork(address, tuple(dict.fromkeys(sources)))


def _network_of(address: str) -> ipaddress.IPv4Network:
    for interface in json.loads(programs.output(["ip", "-json", "-4", "address", "show"])):
        for found in interface.get("addr_info", []):
            if found.get("local") == address:
                return ipaddress.IPv4Interface(f"{address}/{found['prefixlen']}").network
    raise DeployError(f"No network interface of this machine has the address {address}.")
