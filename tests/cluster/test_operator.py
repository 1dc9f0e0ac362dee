"""All that an operator and a user do with the system in a cluster, twice: the second time on what the first left."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import requests

from tests import media
from tests.cluster.loading import load
from tests.cluster.mailpit import ClusterPerson, person
from tests.cluster.operations import SERVERS, SERVICES, Operator, report
from tests.waiting import eventually

# Everything here waits for a cluster.
pytestmark = [pytest.mark.timeout(3600), pytest.mark.parametrize("turn", [1, 2], scope="module")]
# s of video: long enough to be in the middle of it when pods die.
_LONG = 900


def test_one_script_deploys_everything(operator: Operator, turn: int) -> None:
    operator.deploy()

    pods = operator.pods()
    replicas = {"auth": 2, "gateway": 2, "converter": 4, "notification": 4, "summary": 1}
    assert {name: len(pods[name]) for name in SERVICES if name not in operator.autoscaled} == {
        name: number for name, number in replicas.items() if name not in operator.autoscaled
    }
    assert all(len(pods[name]) == 1 for name in SERVERS)
    assert "video" in operator.kubectl("exec", "rabbitmq-0", "--", "rabbitmqctl", "list_queues")


def test_the_ports_open(operator: Operator, turn: int) -> None:
    operator.start_services()

    for name, path in (("gateway", "/healthz"), ("auth", "/healthz"), ("rabbitmq", "/"), ("mailpit", "/")):
        answer = requests.get(operator.urls[name] + path, timeout=60)
        assert answer.status_code == 200, f"{name}: {answer.text}"


def test_a_user_gets_an_mp3_with_curl(operator: Operator, turn: int, tmp_path: Path) -> None:
    gateway, video, mp3 = operator.urls["gateway"], media.make("mp4"), tmp_path / "out.mp3"
    email, password = f"curl-{turn}-{tmp_path.stat().st_mtime_ns}@example.com", "correct horse battery"

    def curl(*words: str) -> str:
        shown = " ".join(words).replace(password, "...")
        report(f"$ curl {re.sub('Bearer [^ ]+', 'Bearer ...', shown)}")
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail-with-body", *words],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    account = json.dumps({"email": email, "password": password})
    curl(f"{gateway}/register", "--json", account)
    reader = ClusterPerson(gateway, Path(), email=email, mailpit=operator.urls["mailpit"])
    reader.confirm()
    token = curl("-X", "POST", f"{gateway}/login", "-u", f"{email}:{password}")
    assert curl("-X", "POST", "-F", f"file=@{video}", "-H", f"Authorization: Bearer {token}", f"{gateway}/upload")

    ready = re.compile(r"mp3 file_id: ([0-9a-f]{24}) is now ready!")
    found = eventually(lambda: ready.search("\n".join(reader.texts())), seconds=180, what="the email")
    curl("--output", str(mp3), "-H", f"Authorization: Bearer {token}", f"{gateway}/download?fid={found[1]}")
    assert mp3.read_bytes()[:3] == b"ID3"


def test_without_a_provider_summaries_name_the_variables_to_set(operator: Operator, turn: int) -> None:
    someone = person(operator)

    answer = someone.orders(text="Bees live in a hive.")

    assert answer.status_code == 503, answer.text
    assert "AI_SUMMARY_URL and AI_SUMMARY_MODEL" in answer.json()["error"]
    assert someone.request("GET", "/summaries").json() == {"summaries": [], "next": None, "available": False}


def test_deploying_again_restarts_nothing(operator: Operator, turn: int) -> None:
    before = operator.pods()

    operator.deploy()

    assert operator.pods() == before


def test_a_code_change_rolls_only_its_service(operator: Operator, turn: int) -> None:
    service = SERVICES[turn - 1]
    path = operator.checkout / "src" / service / "settings.py"
    path.write_text(f"{path.read_text()}\n# Changed in turn {turn}.\n")
    before = operator.pods()

    operator.deploy()

    after = operator.pods()
    assert {name for name in after if after[name] != before[name]} == {service}


@pytest.mark.parametrize("app", ["converter", "notification", "gateway", "auth", *SERVERS])
def test_deleting_pods_during_a_conversion_loses_nothing(operator: Operator, turn: int, app: str) -> None:
    someone, video = person(operator), media.long(_LONG)
    fids = [someone.uploads(video) for _ in range(3)]
    eventually(
        lambda: any(someone.job(fid)["status"] == "converting" for fid in fids), seconds=180, what="a conversion"
    )

    operator.kubectl("delete", "pod", "--selector", f"app={app}", "--grace-period=5")

    for fid in fids:
        job = someone.waits_for(fid, seconds=900)
        assert job["status"] == "completed", job
        eventually(lambda mp3=job["mp3_fid"]: someone.is_notified(mp3), seconds=600, what="the email")  # type: ignore[misc]
        assert len(someone.download(job["mp3_fid"]).content) > 1_000_000
    operator.wait_until_rolled_out()


def test_restarting_under_load_fails_no_request(operator: Operator, turn: int) -> None:
    with load(operator, person(operator)) as running:
        for service in SERVICES:
            operator.kubectl("rollout", "restart", f"deployment/{service}")
        operator.wait_until_rolled_out()
        result = running.end()

    assert not result["failures"]
    assert result["requests"]["upload"] > 10


def test_undeploying_keeps_the_data_or_purges_all(operator: Operator, turn: int) -> None:
    operator.run("undeploy.sh", *(["--purge"] if turn == 2 else []))

    for url in operator.urls.values():
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=30)
    if turn == 2:
        assert not operator.kubectl("get", "namespace", operator.namespace, "--ignore-not-found")
    else:
        assert not operator.objects("deployments,statefulsets,services,configmaps,ingresses",
                                    "--selector=app.kubernetes.io/part-of=video2mp3")  # fmt: skip
        assert len(operator.objects("persistentvolumeclaims")) == 3
