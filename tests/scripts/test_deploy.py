"""./deploy.sh against a fake cluster: what it applies, what it keeps, and what restarts when it runs again."""

import base64
import json
import re
import stat

from tests.scripts.conftest import Machine


def secret(machine: Machine, name: str) -> dict[str, str]:
    """A Secret's values."""
    data = machine.objects("Secret")[name]["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_everything_is_built_loaded_and_applied(machine: Machine) -> None:
    said = machine.succeeds("deploy.sh")

    assert set(machine.objects("Deployment")) == {"auth", "gateway", "converter", "notification", "summary", "mailpit"}
    assert set(machine.objects("StatefulSet")) == {"mysql", "mongodb", "rabbitmq"}
    image = machine.objects("Deployment")["auth"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert re.fullmatch(r"video2mp3/auth:[0-9a-f]{16}", image)
    assert image in machine.state["loaded"]
    assert "./start-services.sh" in said


def test_a_second_run_changes_and_loads_nothing(deployed: Machine) -> None:
    before = deployed.generations()
    deployed.forget_calls()

    deployed.succeeds("deploy.sh")

    assert deployed.generations() == before
    assert not [call for call in deployed.calls if "load" in call]


def test_a_change_in_one_service_restarts_only_that_service(deployed: Machine) -> None:
    deployed.changes_code("converter")

    deployed.succeeds("deploy.sh")

    assert {name for name, count in deployed.generations().items() if count > 1} == {"converter"}


def test_a_changed_value_restarts_only_the_services_that_read_it(deployed: Machine) -> None:
    deployed.dotenv("MAX_UPLOAD_MB=100\n")

    deployed.succeeds("deploy.sh")

    assert deployed.objects("ConfigMap")["gateway-configmap"]["data"]["MAX_UPLOAD_MB"] == "100"
    assert {name for name, count in deployed.generations().items() if count > 1} == {"gateway"}


def test_migrations_run_at_each_deployment_after_the_servers_and_before_the_services(machine: Machine) -> None:
    for _ in range(2):
        machine.forget_calls()
        machine.succeeds("deploy.sh")
        calls = [" ".join(call) for call in machine.calls if call[0] == "kubectl"]
        steps = [
            "rollout status statefulsets.apps",
            "30-migrations.sh",
            "delete jobs.batch",
            "rollout status deployments",
        ]
        found = [next(number for number, call in enumerate(calls) if step in call) for step in steps]
        assert found == sorted(found)
        image = machine.objects("Job")["auth-migrations"]["spec"]["template"]["spec"]["containers"][0]["image"]
        assert image in machine.state["loaded"]


def test_an_account_of_mysql_for_the_migrations_is_added_to_an_earlier_deployment(deployed: Machine) -> None:
    # As the previous release left it.
    with_data = json.loads((deployed.world / "state.json").read_text())
    for name in ("mysql-secret", "auth-migrations-secret"):
        del with_data["objects"][f"video2mp3/Secret/{name}"]["data"]["MYSQL_MIGRATIONS_PASSWORD"]
    (deployed.world / "state.json").write_text(json.dumps(with_data))
    kept = deployed.project / ".local/deploy/video2mp3/credentials.json"
    content = json.loads(kept.read_text())
    del content["MYSQL_MIGRATIONS_PASSWORD"]
    kept.write_text(json.dumps(content))

    deployed.succeeds("deploy.sh")

    assert secret(deployed, "auth-migrations-secret")["MYSQL_MIGRATIONS_PASSWORD"]


def test_users_of_rabbitmq_replace_the_administrator_of_an_earlier_deployment(deployed: Machine) -> None:
    # As the previous release left it.
    with_data = json.loads((deployed.world / "state.json").read_text())
    shared = base64.b64encode(b"the password of all services").decode()
    with_data["objects"]["video2mp3/Secret/rabbitmq-secret"]["data"] = {"RABBITMQ_DEFAULT_PASS": shared}
    for service in ("gateway", "converter", "notification", "summary"):
        with_data["objects"][f"video2mp3/Secret/{service}-secret"]["data"]["RABBITMQ_PASSWORD"] = shared
    (deployed.world / "state.json").write_text(json.dumps(with_data))
    (deployed.project / ".local/deploy/video2mp3/credentials.json").unlink()
    deployed.dotenv("RABBITMQ_PASSWORD='the password of all services'\n")
    deployed.forget_calls()

    said = deployed.succeeds("deploy.sh")

    assert "RABBITMQ_PASSWORD in .env is ignored: this overlay runs its own rabbitmq" in said
    passwords = {
        secret(deployed, f"{name}-secret")["RABBITMQ_PASSWORD"] for name in ("gateway", "converter", "summary")
    }
    assert len(passwords) == 3
    assert "the password of all services" not in passwords
    assert "RABBITMQ_DEFAULT_PASS" not in secret(deployed, "rabbitmq-secret")
    calls = [" ".join(call) for call in deployed.calls]
    deleted = next(number for number, call in enumerate(calls) if "rabbitmqctl delete_user video2mp3" in call)
    rolled_out = next(number for number, call in enumerate(calls) if "rollout status deployments" in call)
    assert rolled_out < deleted, "services of the previous release still use it"


def test_the_names_of_queues_reach_the_services_and_the_permissions_of_their_users(machine: Machine) -> None:
    machine.dotenv("VIDEO_QUEUE=films\n")

    machine.succeeds("deploy.sh")

    configured = machine.objects("ConfigMap")
    assert configured["converter-configmap"]["data"]["VIDEO_QUEUE"] == "films"
    assert configured["rabbitmq-queues"]["data"] == {"VIDEO_QUEUE": "films", "MP3_QUEUE": "mp3"}


def test_generated_secrets_are_consistent_and_strong(deployed: Machine) -> None:
    mongodb, gateway = secret(deployed, "mongodb-secret"), secret(deployed, "gateway-secret")
    password = mongodb["MONGODB_GATEWAY_PASSWORD"]
    assert gateway["MONGO_URI"] == f"mongodb://gateway:{password}@mongodb:27017/?authSource=admin"
    rabbitmq = secret(deployed, "rabbitmq-secret")
    assert len(set(rabbitmq.values())) == 6
    for service in ("gateway", "converter", "notification", "summary"):
        own = secret(deployed, f"{service}-secret")
        assert own["RABBITMQ_PASSWORD"] == rabbitmq[f"RABBITMQ_{service.upper()}_PASSWORD"]
    assert gateway["LINK_SECRET"] == secret(deployed, "notification-secret")["LINK_SECRET"]
    assert secret(deployed, "auth-secret")["MYSQL_PASSWORD"] == secret(deployed, "mysql-secret")["MYSQL_PASSWORD"]
    assert set(secret(deployed, "converter-secret")) == {"MONGO_URI", "RABBITMQ_PASSWORD"}
    migrations = secret(deployed, "auth-migrations-secret")
    assert migrations == {"MYSQL_MIGRATIONS_PASSWORD": secret(deployed, "mysql-secret")["MYSQL_MIGRATIONS_PASSWORD"]}
    assert "MYSQL_MIGRATIONS_PASSWORD" not in secret(deployed, "auth-secret")
    values = {*mongodb.values(), *secret(deployed, "mysql-secret").values(), *secret(deployed, "auth-secret").values()}
    assert set(secret(deployed, "summary-secret")) == {"MONGO_URI", "RABBITMQ_PASSWORD"}
    assert len(values) == 12
    assert all(len(value) >= 32 for value in values)


def test_secrets_stay_the_same_from_any_checkout(deployed: Machine) -> None:
    before = {name: item["data"] for name, item in deployed.objects("Secret").items()}
    (deployed.project / ".local/deploy/video2mp3/credentials.json").unlink()

    deployed.succeeds("deploy.sh")

    assert {name: item["data"] for name, item in deployed.objects("Secret").items()} == before


def test_a_previous_secret_is_accepted_for_as_long_as_it_is_in_dotenv(deployed: Machine) -> None:
    old = secret(deployed, "auth-secret")["JWT_SECRET"]
    rotated = f"JWT_SECRET={'n' * 40}\nJWT_SECRET_PREVIOUS={old}\n"
    deployed.dotenv(rotated + f"LINK_SECRET={'l' * 40}\nLINK_SECRET_PREVIOUS={'p' * 40}\n")

    said = deployed.succeeds("deploy.sh")

    assert old not in said
    auth, gateway = secret(deployed, "auth-secret"), secret(deployed, "gateway-secret")
    assert (auth["JWT_SECRET"], auth["JWT_SECRET_PREVIOUS"]) == ("n" * 40, old)
    assert (gateway["LINK_SECRET"], gateway["LINK_SECRET_PREVIOUS"]) == ("l" * 40, "p" * 40)
    assert secret(deployed, "notification-secret")["LINK_SECRET_PREVIOUS"] == "p" * 40
    assert not {"JWT_SECRET_PREVIOUS", "LINK_SECRET_PREVIOUS"} & secret(deployed, "summary-secret").keys()

    deployed.dotenv("")
    deployed.succeeds("deploy.sh")

    assert secret(deployed, "auth-secret")["JWT_SECRET"] == "n" * 40
    assert "JWT_SECRET_PREVIOUS" not in secret(deployed, "auth-secret")
    assert "LINK_SECRET_PREVIOUS" not in secret(deployed, "gateway-secret")


def test_no_secret_is_printed_or_put_into_an_argument(machine: Machine) -> None:
    machine.dotenv("GMAIL_ADDRESS=shop@example.com\nGMAIL_PASSWORD='very secret'\nJWT_SECRET=" + "j" * 40 + "\n")
    said = machine.succeeds("deploy.sh") + machine.succeeds("deploy.sh") + machine.succeeds("deploy.sh", "--dry-run")

    secrets = [item["data"] for item in machine.objects("Secret").values()]
    values = {text for data in secrets for text in data.values()}
    values |= {base64.b64decode(value).decode() for value in values}
    arguments = json.dumps(machine.calls)
    files = [path for path in (machine.project / ".local").rglob("*") if path.is_file()]
    assert "very secret" in values
    for value in values:
        assert value not in said
        assert value not in arguments
        for path in files:
            assert value not in path.read_text() or path.name == "credentials.json"


def test_only_the_owner_can_read_the_kept_files(deployed: Machine) -> None:
    folder = deployed.project / ".local/deploy/video2mp3"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600


def test_a_dry_run_shows_everything_and_changes_nothing(machine: Machine) -> None:
    machine.switch("cluster-down")
    before = machine.state

    said = machine.succeeds("deploy.sh", "--dry-run")

    for name in ("gateway-configmap", "rabbitmq-manager.com", "notification-secret", "video2mp3/auth"):
        assert name in said
    assert machine.state == before
    assert not (machine.project / ".local/deploy/video2mp3/credentials.json").exists()


def test_a_configured_mail_server_replaces_mailpit(deployed: Machine) -> None:
    deployed.dotenv("GMAIL_ADDRESS=shop@example.com\nGMAIL_PASSWORD=abcd efgh ijkl mnop\n")

    deployed.succeeds("deploy.sh")

    data = deployed.objects("ConfigMap")["notification-configmap"]["data"]
    assert (data["SMTP_HOST"], data["SMTP_PORT"], data["SMTP_SECURITY"]) == ("smtp.gmail.com", "587", "starttls")
    assert secret(deployed, "notification-secret")["GMAIL_PASSWORD"] == "abcd efgh ijkl mnop"
    assert "mailpit" not in deployed.objects("Deployment")
    assert "mailpit" not in deployed.objects("Service")


def test_a_provider_of_summaries_reaches_its_service_and_no_other(deployed: Machine) -> None:
    deployed.dotenv(
        "AI_SUMMARY_URL=https://models.example.com/v1\nAI_SUMMARY_MODEL=small-and-good\nAI_SUMMARY_TIMEOUT=30\n"
        "AI_SUMMARY_API_KEY='sk-of the test'\nSUMMARY_LIMIT=5/hour\n"
    )

    said = deployed.succeeds("deploy.sh")

    configured = deployed.objects("ConfigMap")
    data = configured["summary-configmap"]["data"]
    assert (data["AI_SUMMARY_URL"], data["AI_SUMMARY_MODEL"]) == ("https://models.example.com/v1", "small-and-good")
    assert data["AI_SUMMARY_TIMEOUT"] == "30"
    assert configured["gateway-configmap"]["data"]["SUMMARY_LIMIT"] == "5/hour"
    assert secret(deployed, "summary-secret")["AI_SUMMARY_API_KEY"] == "sk-of the test"
    assert "sk-of" not in said
    others = [item for name, item in deployed.objects("Secret").items() if name != "summary-secret"]
    assert not any("AI_SUMMARY_API_KEY" in item["data"] for item in others)
    assert {name for name, count in deployed.generations().items() if count > 1} == {"gateway", "summary"}


def test_host_names_reach_the_ingress_and_the_links(machine: Machine) -> None:
    machine.dotenv("GATEWAY_HOST=mp3.example.com\nRABBITMQ_MANAGER_HOST=queues.example.com\n")

    machine.succeeds("deploy.sh")

    ingresses = machine.objects("Ingress")
    assert ingresses["gateway"]["spec"]["rules"][0]["host"] == "mp3.example.com"
    assert ingresses["rabbitmq"]["spec"]["rules"][0]["host"] == "queues.example.com"
    assert machine.objects("ConfigMap")["notification-configmap"]["data"]["PUBLIC_URL"] == "http://mp3.example.com"


def test_a_component_is_added_and_removed(machine: Machine) -> None:
    machine.succeeds("deploy.sh", "--with", "monitoring")
    assert "monitoring-configmap" in machine.objects("ConfigMap")

    machine.succeeds("deploy.sh")

    assert "monitoring-configmap" not in machine.objects("ConfigMap")


def test_the_accounts_of_three_mongodb_members_are_updated_before_the_services(deployed: Machine) -> None:
    assert not [call for call in deployed.calls if "mongodb-0" in call], "a single member does it when it starts"
    databases = deployed.project / "manifests/overlays/minikube/databases.yaml"
    name = "metadata: {name: mongodb, labels: {app: mongodb, app.kubernetes.io/part-of: video2mp3}}\nspec:\n"
    assert name in databases.read_text()
    databases.write_text(databases.read_text().replace(f"{name}  replicas: 1", f"{name}  replicas: 3"))
    deployed.forget_calls()

    # The fake keeps what it has rendered for a namespace.
    deployed.succeeds("deploy.sh", "--namespace", "members")

    calls = [" ".join(call) for call in deployed.calls]
    updated = next(number for number, call in enumerate(calls) if "exec --stdin mongodb-0" in call)
    rolled_out = next(number for number, call in enumerate(calls) if "rollout status deployments" in call)
    assert updated < rolled_out


def test_an_object_that_a_controller_owns_is_not_deleted(machine: Machine) -> None:
    machine.succeeds("deploy.sh", "--with", "monitoring")
    state = machine.state
    owned = state["objects"]["video2mp3/ConfigMap/monitoring-configmap"]["metadata"]
    owned["ownerReferences"] = [{"kind": "ScaledObject", "name": "converter"}]
    (machine.world / "state.json").write_text(json.dumps(state))

    machine.succeeds("deploy.sh")

    assert "monitoring-configmap" in machine.objects("ConfigMap")


def test_images_are_pushed_to_a_registry_and_run_by_digest(machine: Machine) -> None:
    machine.succeeds("deploy.sh", "--registry", "registry.example.com/team")

    image = machine.objects("Deployment")["auth"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"registry.example.com/team/auth@sha256:{'1' * 64}"
    assert any(name.startswith("registry.example.com/team/auth:") for name in machine.state["registry"])
    assert "loaded" not in machine.state


def test_skip_build_keeps_the_images_that_run(deployed: Machine) -> None:
    deployed.changes_code("converter")
    deployed.switch("docker-down")

    deployed.succeeds("deploy.sh", "--skip-build")

    assert set(deployed.generations().values()) == {1}


def test_skip_build_needs_images_that_run(machine: Machine) -> None:
    assert "Run ./deploy.sh without it" in machine.fails("deploy.sh", "--skip-build")
    assert not machine.objects("Deployment")


def test_scaled_replicas_are_kept(deployed: Machine) -> None:
    state = deployed.state
    state["objects"]["video2mp3/Deployment/converter"]["spec"]["replicas"] = 8
    (deployed.world / "state.json").write_text(json.dumps(state))

    for _ in range(2):
        said = deployed.succeeds("deploy.sh")
        assert deployed.objects("Deployment")["converter"]["spec"]["replicas"] == 8
        assert "converter keeps its 8 replicas" in said


def test_a_server_does_not_lose_the_majority_of_its_nodes(deployed: Machine) -> None:
    state = deployed.state
    state["objects"]["video2mp3/StatefulSet/rabbitmq"]["spec"]["replicas"] = 3
    (deployed.world / "state.json").write_text(json.dumps(state))

    assert "rabbitmq runs on 3 nodes" in deployed.fails("deploy.sh")

    assert deployed.objects("StatefulSet")["rabbitmq"]["spec"]["replicas"] == 3


def test_another_namespace_is_another_deployment(machine: Machine) -> None:
    machine.succeeds("deploy.sh", "--namespace", "staging")

    assert "auth" in machine.objects("Deployment", "staging")
    assert not machine.objects("Deployment")
    assert (machine.project / ".local/deploy/staging/credentials.json").exists()


def test_databases_on_the_host_need_their_passwords_first(machine: Machine) -> None:
    said = machine.fails("deploy.sh", "--host-databases")
    assert "./setup-host.sh" in said
    assert not machine.objects("Deployment")

    folder = machine.project / ".local/deploy/video2mp3"
    names = [
        "MYSQL_PASSWORD",
        "MYSQL_MIGRATIONS_PASSWORD",
        *(f"MONGODB_{name}_PASSWORD" for name in ("GATEWAY", "CONVERTER", "NOTIFICATION", "SUMMARY")),
    ]
    (folder / "credentials.json").write_text(json.dumps(dict.fromkeys(names, "p" * 32)))
    machine.dotenv("MYSQL_HOST=host.minikube.internal\nSMTP_HOST=mail.example.com\n")
    machine.succeeds("deploy.sh", "--host-databases")

    uri = secret(machine, "converter-secret")["MONGO_URI"]
    assert uri == f"mongodb://converter:{'p' * 32}@host.minikube.internal:27017/?authSource=admin&directConnection=true"
    assert machine.objects("ConfigMap")["auth-configmap"]["data"]["MYSQL_HOST"] == "host.minikube.internal"
    assert "mongodb-secret" not in machine.objects("Secret")

    # As ./setup-host.sh of an earlier release left it, which made no account for backups.
    machine.dotenv(f"SMTP_HOST=mail.example.com\nRESTIC_PASSWORD={'r' * 32}\n")
    machine.succeeds("deploy.sh", "--host-databases", "--with", "backup")
    assert secret(machine, "backup-secret")["MONGO_URI"] == secret(machine, "gateway-secret")["MONGO_URI"]

    kept = json.loads((folder / "credentials.json").read_text())
    (folder / "credentials.json").write_text(json.dumps({**kept, "MONGODB_BACKUP_PASSWORD": "b" * 32}))
    machine.succeeds("deploy.sh", "--host-databases", "--with", "backup")
    assert secret(machine, "backup-secret")["MONGO_URI"].startswith(f"mongodb://backup:{'b' * 32}@")


def test_backups_are_deployed_with_their_component_only(deployed: Machine) -> None:
    assert "backup-secret" not in deployed.objects("Secret")
    assert not [image for image in deployed.state["loaded"] if image.startswith("video2mp3/backup")]

    deployed.dotenv("RESTIC_PASSWORD='a password of the operator'\n")
    deployed.succeeds("deploy.sh", "--with", "backup")

    values = secret(deployed, "backup-secret")
    assert values["RESTIC_PASSWORD"] == "a password of the operator"
    password = secret(deployed, "mongodb-secret")["MONGODB_BACKUP_PASSWORD"]
    assert values["MONGO_URI"] == f"mongodb://backup:{password}@mongodb:27017/?authSource=admin"
    assert values["MYSQL_PASSWORD"] == secret(deployed, "auth-secret")["MYSQL_PASSWORD"]
    # For a restore.
    assert values["MYSQL_MIGRATIONS_PASSWORD"] == secret(deployed, "mysql-secret")["MYSQL_MIGRATIONS_PASSWORD"]
    pod = deployed.objects("CronJob")["backup"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    image = pod["containers"][0]["image"]
    assert image in deployed.state["loaded"]

    deployed.succeeds("deploy.sh", "--with", "backup", "--skip-build")

    kept = deployed.objects("CronJob")["backup"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert kept["containers"][0]["image"] == image


def test_backups_need_a_password_that_only_the_operator_knows(machine: Machine) -> None:
    assert "RESTIC_PASSWORD: is missing" in machine.fails("deploy.sh", "--with", "backup")
    assert machine.objects("CronJob") == {}
