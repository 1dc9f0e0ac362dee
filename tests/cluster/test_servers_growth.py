"""RabbitMQ grown from one node to three, and then without one of them. It ends with three: there is no way back."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import media
from tests.cluster.mailpit import ClusterPerson, person
from tests.cluster.operations import Operator
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(3600)

_QUEUES = {"video", "mp3", "summary", "video.dead", "mp3.dead", "summary.dead"}


@contextmanager
def paused(operator: Operator, app: str) -> Iterator[None]:
    """Scales an app to zero while the block runs."""
    replicas = operator.objects("deployments", f"--selector=app={app}")[0]["spec"]["replicas"]
    operator.kubectl("scale", f"deployment/{app}", "--replicas=0")
    operator.kubectl("wait", "--for=delete", "pod", f"--selector=app={app}", "--timeout=600s")
    try:
        yield
    finally:
        operator.kubectl("scale", f"deployment/{app}", f"--replicas={replicas}")


def queues(operator: Operator, node: int = 0) -> list[dict[str, Any]]:
    """All queues, as one of the brokers sees them."""
    columns = ("name", "members", "online", "leader", "messages")
    words = ("rabbitmqctl", "--silent", "list_queues", "--formatter=json", *columns)
    found: list[dict[str, Any]] = json.loads(
        operator.kubectl("exec", f"rabbitmq-{node}", "--container=rabbitmq", "--", *words, quiet=True)
    )
    return found


def replicated(operator: Operator, node: int = 0) -> bool:
    """Whether each queue has three replicas that are up."""
    found = queues(operator, node)
    assert {queue["name"] for queue in found} >= _QUEUES
    missing = {queue["name"]: queue["online"] for queue in found if len(queue["online"]) < 3}
    assert not missing, missing
    return all(len(queue["members"]) == 3 for queue in found)


def completes(someone: ClusterPerson, fids: list[str]) -> None:
    """Every job has its MP3, and one email about it."""
    for fid in fids:
        job = someone.waits_for(fid, seconds=900)
        assert job["status"] == "completed", job
        eventually(lambda mp3=job["mp3_fid"]: someone.is_notified(mp3), seconds=600, what="the email")  # type: ignore[misc]
        assert sum(job["mp3_fid"] in text for text in someone.texts()) == 1


def test_rabbitmq_grown_to_three_nodes_has_three_replicas_of_each_queue(system: Operator) -> None:
    someone = person(system)
    with paused(system, "converter"):
        fids = [someone.uploads(media.make("webm")) for _ in range(3)]

        system.deploy("rabbitmq-cluster")

        eventually(lambda: replicated(system), seconds=180, pause=3, what="three replicas of each queue")
    completes(someone, fids)


def test_no_message_is_lost_with_a_node_of_rabbitmq(system: Operator) -> None:
    someone = person(system)
    with paused(system, "converter"):
        fids = [someone.uploads(media.make("webm")) for _ in range(5)]
        video = next(queue for queue in queues(system) if queue["name"] == "video")
        leader = re.search(r"@rabbitmq-(\d)\.", video["leader"])
        assert leader, video
        lost = int(leader[1])

        # Its disk as well; the claim goes when the pod is gone.
        system.kubectl("delete", f"persistentvolumeclaim/data-rabbitmq-{lost}", "--wait=false")
        system.kubectl("delete", f"pod/rabbitmq-{lost}", "--force", "--grace-period=0")

        others = [node for node in range(3) if node != lost]

        def moved() -> bool:
            (found,) = (queue for queue in queues(system, others[0]) if queue["name"] == "video")
            return bool(found["leader"] != video["leader"] and found["messages"] == 5)

        eventually(moved, seconds=120, pause=1, what="another leader of the queue, with all its messages")
    completes(someone, fids)
    system.wait_until_rolled_out()
    eventually(lambda: replicated(system, others[0]), seconds=300, pause=3, what="three replicas of each queue")
