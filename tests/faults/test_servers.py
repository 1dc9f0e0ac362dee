"""The databases and the broker are killed and restarted while the system is in use."""

import json
import signal
import time
from typing import Any

import MySQLdb
import pika
import psutil
import pytest
import requests
import urllib3
from bson import ObjectId

from common.domain.job_repository import Jobs
from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket
from tests import invariant, media
from tests.faults.breaking import RECOVERY, housekeeping, uploading
from tests.faults.test_workers import LONG, completes
from tests.waiting import eventually


def test_a_broker_that_dies_with_20_jobs_waiting_and_2_running_loses_none(person, faults, stack, environment):
    stack.add("converter-2")
    try:
        fids = [person.uploads(media.long(600)) for _ in range(2)]
        eventually(lambda: all(person.job(fid)["status"] == "converting" for fid in fids), pause=0.02)
        queued = [person.uploads(media.make("mp4")) for _ in range(20)]
        assert invariant.depth(environment, "video") > 0
        assert {person.job(fid)["status"] for fid in queued} == {"queued"}
        faults.kill("rabbitmq")
        fids += queued
        for fid in fids:
            assert person.waits_for(fid, seconds=RECOVERY)["status"] == "completed"
    finally:
        stack.remove("converter-2")


def test_uploads_are_accepted_while_the_broker_is_down_and_converted_later(person, faults):
    faults.stop("rabbitmq")
    fids = [person.uploads(media.make("mp4")) for _ in range(3)]
    assert {person.job(fid)["status"] for fid in fids} == {"queued"}
    faults.start("rabbitmq")
    for fid in fids:
        completes(person, fid)


def probe(stack, program: str, path: str) -> requests.Response:
    """The answer of the port for probes."""
    port = stack.state.ports.get(f"{program}_health") or stack.state.ports[program]
    return requests.get(f"http://127.0.0.1:{port}{path}", timeout=30)


@pytest.mark.parametrize(
    ("server", "dependency", "programs"),
    [
        ("rabbitmq", "rabbitmq", ["gateway", "converter", "notification"]),
        ("mongodb", "mongodb", ["gateway", "converter", "notification"]),
        ("mysql", "mysql", ["auth"]),
        ("auth", "auth", ["gateway"]),
    ],
)
def test_services_stay_ready_and_report_a_server_that_is_down(stack, faults, server, dependency, programs):
    faults.stop(server)
    for program in programs:
        eventually(
            lambda program=program: probe(stack, program, "/status").json()["dependencies"][dependency] == "down",
            what=f"{program} to report {dependency} as down",
        )
        assert probe(stack, program, "/status").json()["status"] == "degraded"
        assert f'dependency_up{{dependency="{dependency}"}} 0.0' in probe(stack, program, "/metrics").text
        assert probe(stack, program, "/readyz").status_code == 200
    faults.start(server)
    for program in programs:
        stack.wait_ready(program, RECOVERY)


def test_a_gateway_that_starts_while_the_broker_is_down_accepts_uploads(person, faults, stack):
    faults.stop("rabbitmq")
    faults.stop("gateway")
    stack.start("gateway")

    def ready() -> bool:
        try:
            return probe(stack, "gateway", "/readyz").ok
        except requests.ConnectionError:
            return False

    eventually(ready, what="the gateway")
    fid = person.uploads(media.make("mp4"))
    faults.start("rabbitmq")
    completes(person, fid)


def test_logins_work_while_the_files_database_is_down(person, faults):
    faults.stop("mongodb")
    assert requests.post(f"{person.url}/login", auth=(person.email, person.password), timeout=60).status_code == 200
    assert person.request("GET", "/jobs").status_code == 503
    faults.start("mongodb")


def delete_queue(environment, queue: str) -> None:
    """As an operator would, with the management API."""
    answer = requests.delete(
        f"{environment['RABBITMQ_MANAGEMENT_URL']}/api/queues/%2F/{queue}",
        auth=(environment["RABBITMQ_USER"], environment["RABBITMQ_PASSWORD"]),
        timeout=30,
    )
    assert answer.status_code == 204


@pytest.mark.parametrize("queue", ["video", "mp3"])
def test_a_queue_that_is_deleted_under_its_consumers_is_redeclared(person, faults, environment, queue):
    delete_queue(environment, queue)
    completes(person, person.uploads(media.make("mp4")))


# The other two videos wait for their turn.
@pytest.mark.parametrize(("queue", "worker", "messages"), [("video", "converter", 1), ("mp3", "notification", 3)])
def test_messages_that_are_deleted_with_their_queue_are_published_again(
    person, faults, stack, environment, queue, worker, messages
):
    faults.stop(worker)
    fids = [person.uploads(media.make("mp4")) for _ in range(3)]
    eventually(lambda: invariant.depth(environment, queue) == messages, seconds=120)
    delete_queue(environment, queue)
    faults.start(worker)
    housekeeping(stack, STALLED_AFTER="0")
    for fid in fids:
        completes(person, fid)


def test_the_classic_queues_of_the_first_release_are_replaced_with_their_messages(person, faults, stack, environment):
    done = person.converts(media.make("mp4"))
    person.email_about(done["video_fid"])
    for worker in ("converter", "notification"):
        faults.stop(worker)
    fids = [person.uploads(media.make("mp4")) for _ in range(3)]
    connection = pika.BlockingConnection(pika.URLParameters(environment["RABBITMQ_URI"]))
    channel = connection.channel()
    for queue in ("video", "mp3"):
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True)
    for fid in fids:
        message = {"video_fid": fid, "mp3_fid": None, "username": person.email}
        channel.basic_publish("", "video", json.dumps(message), pika.BasicProperties(delivery_mode=2))
    connection.close()
    # Published to the classic queue by the gateway of this release.
    fids.append(person.uploads(media.make("mp4")))
    for worker in ("converter", "notification"):
        faults.start(worker)
    for fid in fids:
        completes(person, fid)
    kinds = {queue["name"]: queue["type"] for queue in queues(environment)}
    assert (kinds["video"], kinds["mp3"]) == ("quorum", "quorum")


def queues(environment) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{environment['RABBITMQ_MANAGEMENT_URL']}/api/queues/%2F",
        auth=(environment["RABBITMQ_USER"], environment["RABBITMQ_PASSWORD"]),
        timeout=30,
    )
    answer.raise_for_status()
    return list(answer.json())


def test_a_database_that_is_killed_during_an_upload_leaves_no_chunks(person, faults, stack):
    upload = uploading(stack, person, 400)
    faults.kill("mongodb")
    status = upload.result(RECOVERY)
    # The upload may have been complete just before; then it was accepted and must end like any other.
    if status != 202:
        assert status in {503, None}
        stack.wait_ready("mongodb", RECOVERY)
        assert (
            eventually(lambda: person.request("GET", "/jobs").ok and person.request("GET", "/jobs")).json()["jobs"]
            == []
        )


def test_a_database_that_is_killed_during_the_conversion_delays_it(person, faults):
    fid = person.uploads(media.long(LONG))
    eventually(lambda: person.job(fid)["status"] == "converting")
    faults.kill("mongodb")
    eventually(lambda: ended(person, fid), seconds=RECOVERY, pause=0.5)
    completes(person, fid)


def ended(person, fid) -> bool:
    answer = person.request("GET", f"/jobs/{fid}")
    assert answer.status_code in {200, 503}
    return answer.status_code == 200 and answer.json()["status"] in {"completed", "failed"}


def test_a_database_killed_during_a_download_ends_it_and_the_next_is_complete(person, faults, stack):
    job = person.converts(media.long(LONG))
    person.email_about(job["video_fid"])
    whole = person.download(job["mp3_fid"]).content
    received = b""
    try:
        with person.request("GET", f"/download?fid={job['mp3_fid']}", stream=True) as answer:
            received += answer.raw.read(100_000)
            faults.kill("mongodb")
            received += answer.raw.read()
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        pass
    # Torn or not, what came is the file's beginning.
    assert whole.startswith(received)
    eventually(lambda: person.download(job["mp3_fid"]).content == whole, seconds=RECOVERY, what="a whole download")


def test_while_the_database_is_down_requests_get_a_503_with_a_clear_error(person, faults):
    faults.stop("mongodb")
    answer = person.request("GET", "/jobs")
    assert answer.status_code == 503
    assert "Try again" in answer.json()["error"]
    answer = person.upload(media.make("mp4"))
    assert answer.status_code == 503
    faults.start("mongodb")
    completes(person, person.uploads(media.make("mp4")))


def test_the_users_database_is_killed_and_restarted(person, newcomer, faults):
    faults.kill("mysql")
    someone = newcomer()
    eventually(lambda: someone.register().status_code in {201, 409}, seconds=RECOVERY)
    someone.login()
    faults.stop("mysql")
    answer = requests.post(f"{person.url}/login", auth=(person.email, person.password), timeout=60)
    assert answer.status_code == 503
    # Tokens are checked without it.
    assert person.request("GET", "/jobs").status_code == 200
    faults.start("mysql")
    eventually(lambda: requests.post(f"{person.url}/login", auth=(person.email, person.password), timeout=60).ok)


def test_an_idle_connection_that_the_users_database_closed_is_replaced(person, environment, faults):
    root = MySQLdb.connect(
        host=environment["MYSQL_HOST"],
        port=int(environment["MYSQL_PORT"]),
        user="root",
        password=environment["MYSQL_ROOT_PASSWORD"],
    )
    try:
        cursor = root.cursor()
        cursor.execute("SET GLOBAL wait_timeout = 1")
        faults.restart("auth")
        person.login()

        def dropped() -> bool:
            # Only the auth service's: MySQL and MariaDB have users of their own.
            query = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
            cursor.execute(query, [environment["MYSQL_USER"]])
            return cursor.fetchone()[0] == 0

        eventually(dropped, what="the end of the idle connections")
        person.login()
    finally:
        cursor.execute("SET GLOBAL wait_timeout = 28800")
        root.close()
        faults.restart("auth")


def test_an_unavailable_or_slow_login_service_delays_only_logins(person, faults, stack):
    job = person.converts(media.make("mp4"))
    link = next(line for line in person.email_about(job["video_fid"]).splitlines() if "&token=" in line)
    faults.stop("auth")
    # A list may be answered for two more seconds: reading uses what was validated a moment ago.
    cancel = f"/jobs/{job['video_fid']}/cancel"
    assert person.request("POST", cancel).status_code == 503
    eventually(lambda: person.request("GET", "/jobs").status_code == 503, seconds=10)
    assert requests.get(link, timeout=60).status_code == 200
    faults.start("auth")
    eventually(lambda: person.request("GET", "/jobs").status_code == 200)
    # Slow: it accepts connections and does not answer.
    faults.hang("auth")
    begun = time.monotonic()
    assert person.request("POST", cancel).status_code == 503
    assert time.monotonic() - begun < 60
    assert requests.get(link, timeout=60).status_code == 200
    faults.thaw()
    eventually(lambda: person.request("GET", "/jobs").status_code == 200)


def test_a_gateway_that_is_killed_during_an_upload_leaves_no_chunks(person, faults, stack):
    upload = uploading(stack, person, 400)
    for child in psutil.Process(stack.pid("gateway")).children(recursive=True):
        child.kill()
    faults.kill("gateway")
    upload.result(RECOVERY)
    stack.wait_ready("gateway", RECOVERY)


def test_a_gateway_that_is_killed_during_an_export_ends_it_with_an_error(person, faults, stack, environment):
    job = person.converts(media.make("mp4"))
    # More than the buffers between the gateway and the client hold.
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        fid = ObjectId(job["video_fid"])
        with Bucket(client[mongo.MP3S]).create("long.mp3", "audio/mpeg", {"video_fid": fid}) as writer:
            writer.write(bytes(64_000_000))
            Jobs(client[mongo.VIDEOS]).update(fid, {}, {"mp3_fid": writer.finish()})
    answer = person.request("GET", "/account/export", stream=True)
    assert answer.raw.read(100_000).startswith(b"PK")
    for child in psutil.Process(stack.pid("gateway")).children(recursive=True):
        child.kill()
    faults.kill("gateway")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for _ in answer.iter_content(1_000_000):
            pass
    stack.wait_ready("gateway", RECOVERY)
    assert person.request("DELETE", f"/jobs/{fid}").status_code == 204


def test_an_nginx_that_is_killed_during_an_upload_leaves_no_chunks(person, faults, stack):
    upload = uploading(stack, person, 400)
    workers = psutil.Process(stack.pid("gateway-nginx")).children()
    faults.kill("gateway-nginx")
    for worker in workers:
        worker.kill()
    assert upload.result(RECOVERY) is None
    stack.wait_ready("gateway-nginx", RECOVERY)
    assert person.request("GET", "/jobs").json()["jobs"] == []


def test_a_stopping_gateway_finishes_the_current_upload(person, faults, stack):
    upload = uploading(stack, person, 200)
    faults.touched.add("gateway")
    stopping = psutil.Process(stack.kill("gateway", signal.SIGTERM))
    assert upload.result(RECOVERY) == 202
    # Until then its health port answers.
    stopping.wait(RECOVERY)
    stack.wait_ready("gateway", RECOVERY)


def test_nothing_is_lost_when_everything_is_killed_at_once(person, faults, stack):
    fids = [person.uploads(media.long(60)) for _ in range(4)]
    for name in ("rabbitmq", "mongodb", "mysql", "converter", "notification", "gateway", "auth"):
        faults.kill(name)
    for name in stack.programs:
        stack.wait_ready(name, RECOVERY)
    for fid in fids:
        eventually(lambda fid=fid: ended(person, fid), seconds=RECOVERY, pause=0.5)
        completes(person, fid)
    assert invariant.violations(stack.environment, person.email) == []
