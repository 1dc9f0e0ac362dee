"""The configuration and environment of a stack's programs."""

import base64
import configparser
import json
from pathlib import Path

import pytest

from scripts.stack import environment, mongodb, mysql, rabbitmq, services, supervision
from scripts.stack.state import State, Variant


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.create(tmp_path / "mine" / "state.json")


def test_a_service_gets_only_its_own_variables(state: State) -> None:
    auth = services.program(state, "auth", "auth").environment
    assert auth["MYSQL_PASSWORD"] == state.secrets["mysql"]
    assert auth["PORT"] == str(state.ports["auth"])
    assert auth["HEALTH_PORT"] == str(state.ports["auth_health"])
    assert not {"MONGO_URI", "RABBITMQ_URI", "MYSQL_ROOT_PASSWORD", "SMTP_PASSWORD"} & auth.keys()


def test_only_the_migrations_may_change_the_schema(state: State) -> None:
    secret = state.secrets["mysql_migrations"]
    assert environment.service(state, "auth.migrations", "auth.migrations")["MYSQL_MIGRATIONS_PASSWORD"] == secret
    assert not [program.name for program in services.programs(state) if secret in program.environment.values()]
    user = environment.own(state)["MYSQL_USER"]
    granted = [line for line in mysql.initial_statements(state).splitlines() if line.endswith(f"TO '{user}'@'%';")]
    assert granted == [f"GRANT SELECT, INSERT, UPDATE ON `auth`.* TO '{user}'@'%';"]


def test_nothing_of_the_callers_environment_reaches_a_service(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "1")
    assert "MAX_UPLOAD_MB" not in services.program(state, "gateway", "gateway").environment


def test_an_override_reaches_all_services_and_a_variants_own_variable_wins(state: State) -> None:
    state.overrides["LOG_LEVEL"] = "WARNING"
    state.ports["converter-2"] = 20_001
    state.variants["converter-2"] = Variant(like="converter", env={"LOG_LEVEL": "DEBUG"})
    by_name = {program.name: program.environment for program in services.programs(state)}
    assert by_name.pop("converter-2")["LOG_LEVEL"] == "DEBUG"
    assert "LOG_LEVEL" not in by_name.pop("gateway-nginx")
    assert {service["LOG_LEVEL"] for service in by_name.values()} == {"WARNING"}


def test_an_override_does_not_change_what_the_servers_are_set_up_with(state: State) -> None:
    state.overrides["RABBITMQ_PASSWORD"] = "wrong"
    assert state.secrets["rabbitmq"] in rabbitmq.definitions(state)
    assert environment.complete(state)["RABBITMQ_PASSWORD"] == "wrong"


def test_nginx_forwards_to_its_gateway_and_gets_no_secret(state: State) -> None:
    state.overrides["CLIENT_TIMEOUT"] = "5"
    nginx, gateway = services.group(state, "gateway", "gateway")
    assert nginx.url == gateway.url == f"http://127.0.0.1:{state.ports['gateway']}"
    assert nginx.environment["LISTEN"] == f"127.0.0.1:{state.ports['gateway']}"
    assert nginx.environment["GATEWAY_ADDRESS"] == f"{gateway.environment['HOST']}:{gateway.environment['PORT']}"
    assert nginx.environment["CLIENT_TIMEOUT"] == "5"
    assert not set(state.secrets.values()) & set(nginx.environment.values())


def test_the_broker_listens_on_this_machine_only(state: State) -> None:
    lines = rabbitmq.configuration(state).splitlines()
    assert f"listeners.tcp.default = 127.0.0.1:{state.ports['rabbitmq']}" in lines
    assert "management.tcp.ip = 127.0.0.1" in lines


def test_stacks_in_different_folders_have_different_brokers(state: State) -> None:
    other = State.create(state.folder.parent / "other" / "state.json")
    assert rabbitmq.node_name(state) != rabbitmq.node_name(other)


def test_no_secret_is_in_the_process_managers_configuration(state: State) -> None:
    supervision.write(state, services.programs(state))
    texts = [path.read_text() for path in state.folder.rglob("*.conf")]
    assert len(texts) == len(services.programs(state)) + 1
    assert not any(secret in text for secret in state.secrets.values() for text in texts)
    assert not any(secret in part for secret in state.secrets.values() for part in services.COMMANDS["gateway"])


def test_specifications_hold_the_environment_and_are_private(state: State) -> None:
    program = services.program(state, "converter", "converter")
    supervision.write(state, [program])
    path = supervision.specification_path(state, "converter")
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["environment"] == dict(program.environment)


def test_a_changed_environment_is_reported(state: State) -> None:
    assert supervision.write(state, services.programs(state)) == []
    state.variants["auth"] = Variant(like="auth", env={"LOG_LEVEL": "DEBUG"})
    assert supervision.write(state, services.programs(state)) == ["auth"]


def test_a_percent_sign_in_a_path_is_escaped_in_the_process_managers_configuration(tmp_path: Path) -> None:
    state = State.create(tmp_path / "100%" / "state.json")
    parser = configparser.ConfigParser(interpolation=configparser.BasicInterpolation())
    parser.read_string(supervision.section(state, services.program(state, "auth", "auth")))
    assert parser["program:auth"]["stdout_logfile"] == str(state.logs / "auth.log")


def test_clients_of_mongodb_get_the_addresses_of_all_members(state: State) -> None:
    state.mongodb_members = 3
    state.ports |= {"mongodb-2": 20_001, "mongodb-3": 20_002}
    assert (
        f"@127.0.0.1:{state.ports['mongodb']},127.0.0.1:20001,127.0.0.1:20002/" in environment.own(state)["MONGO_URI"]
    )
    assert [program.name for program in mongodb.programs(state)] == ["mongodb", "mongodb-2", "mongodb-3"]


@pytest.mark.parametrize("members", [1, 2])
def test_only_a_set_of_several_members_accepts_fail_points(state: State, members: int) -> None:
    state.mongodb_members = members
    state.ports["mongodb-2"] = 20_001
    accepting = ["--setParameter=enableTestCommands=1" in program.command for program in mongodb.programs(state)]
    assert accepting == [members > 1] * members


def test_the_members_of_mongodb_share_a_private_key(state: State) -> None:
    state.mongodb_members = 2
    state.ports["mongodb-2"] = 20_001
    programs = mongodb.programs(state)
    for program in programs:
        program.prepare()
    paths = [Path(word.removeprefix("--keyFile=")) for each in programs for word in each.command if "--keyFile" in word]
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]
    first, second = (path.read_text() for path in paths)
    assert first == second
    assert len(base64.b64decode(first, validate=True)) >= 32
