"""./undeploy.sh: what it deletes, and what it keeps."""

import json

from tests.scripts.conftest import Machine


def add(machine: Machine, kind: str, name: str) -> None:
    """Adds an object that ./deploy.sh did not create to the namespace."""
    state = machine.state
    metadata = {"name": name, "namespace": "video2mp3", "labels": {"app": "theirs"}}
    state["objects"][f"video2mp3/{kind}/{name}"] = {"kind": kind, "apiVersion": "v1", "metadata": metadata}
    (machine.world / "state.json").write_text(json.dumps(state))


def test_the_data_and_their_passwords_are_kept(deployed: Machine) -> None:
    secrets = {name: item["data"] for name, item in deployed.objects("Secret").items()}

    deployed.succeeds("undeploy.sh")

    assert not deployed.objects("Deployment") | deployed.objects("StatefulSet") | deployed.objects("ConfigMap")
    assert set(deployed.objects("PersistentVolumeClaim")) == {"data-mysql-0", "data-mongodb-0", "data-rabbitmq-0"}
    deployed.succeeds("deploy.sh")
    assert {name: item["data"] for name, item in deployed.objects("Secret").items()} == secrets


def test_purge_leaves_nothing(deployed: Machine) -> None:
    deployed.succeeds("undeploy.sh", "--purge")

    assert list(deployed.state["objects"]) == ["/Node/minikube"]
    assert not (deployed.project / ".local/deploy/video2mp3").exists()


def test_other_objects_in_the_namespace_are_kept(deployed: Machine) -> None:
    add(deployed, "ConfigMap", "theirs")

    said = deployed.succeeds("undeploy.sh", "--purge")

    assert set(deployed.objects("ConfigMap")) == {"theirs"}
    assert "configmap/theirs" in said


def test_a_namespace_that_existed_before_is_kept(machine: Machine) -> None:
    state = machine.state
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "video2mp3"}}
    state["objects"]["/Namespace/video2mp3"] = namespace
    (machine.world / "state.json").write_text(json.dumps(state))
    machine.succeeds("deploy.sh")

    machine.succeeds("undeploy.sh", "--purge")

    assert set(machine.state["objects"]) == {"/Node/minikube", "/Namespace/video2mp3"}


def test_it_can_be_run_when_nothing_is_deployed(machine: Machine) -> None:
    assert "no namespace video2mp3" in machine.succeeds("undeploy.sh")
    machine.succeeds("deploy.sh")
    machine.succeeds("undeploy.sh")
    assert "Nothing is deployed" in machine.succeeds("undeploy.sh")
