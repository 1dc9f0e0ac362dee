"""./setup-host.sh on a machine whose servers are fakes: the dry run, the changes, and what stays unchanged."""

import json
from pathlib import Path

import pytest
import yaml

from tests.scripts.conftest import Machine

_MONGOD_CONF = """\
# An unrelated comment.
storage:
  dbPath: /var/lib/mongodb
net:
  port: 27017
  bindIp: 127.0.0.1  # only here
processManagement:
  timeZoneInfo: /usr/share/zoneinfo
"""


@pytest.fixture
def etc(machine: Machine) -> Path:
    """The configuration of the machine's servers."""
    folder = machine.world / "etc"
    (folder / "mysql/mariadb.conf.d").mkdir(parents=True)
    (folder / "sysctl.d").mkdir()
    (folder / "mongod.conf").write_text(_MONGOD_CONF)
    return folder


def files(folder: Path) -> dict[str, str]:
    """All of them."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def received(machine: Machine, server: str) -> str:
    """Everything that was sent to a server."""
    return "\n".join(machine.state.get(server, []))


def test_a_dry_run_shows_all_and_changes_nothing(machine: Machine, etc: Path) -> None:
    before = files(etc)

    said = machine.succeeds("setup-host.sh", "--dry-run", "--etc", str(etc))

    assert "the account auth" in said
    assert "from 127.0.0.0/24 only" in said
    assert "bind-address = 127.0.0.1,127.0.0.2" in said
    assert "bindIp: 127.0.0.1,127.0.0.2" in said
    assert files(etc) == before
    assert "CREATE" not in received(machine, "mysql")
    assert "createUser" not in received(machine, "mongosh")


def test_without_a_terminal_nothing_is_changed(machine: Machine, etc: Path) -> None:
    before = files(etc)

    assert "use --yes" in machine.fails("setup-host.sh", "--etc", str(etc))

    assert files(etc) == before


def test_the_servers_are_prepared_and_deploy_can_use_them(machine: Machine, etc: Path) -> None:
    said = machine.succeeds("setup-host.sh", "--yes", "--etc", str(etc))

    changed = (etc / "mongod.conf").read_text()
    assert "# An unrelated comment." in changed
    assert "  bindIp: 127.0.0.1,127.0.0.2  # only here\n" in changed
    configured = yaml.safe_load(changed)
    key = etc / "video2mp3-mongodb.key"
    assert configured["security"] == {"authorization": "enabled", "keyFile": str(key)}
    assert configured["replication"] == {"replSetName": "video2mp3"}
    assert key.stat().st_mode & 0o777 == 0o400
    backups = [path for path in etc.iterdir() if "backup" in path.name]
    assert [path.read_text() for path in backups] == [_MONGOD_CONF]
    assert ["systemctl", "restart", "mariadb.service"] in machine.calls
    assert ["systemctl", "restart", "mongod.service"] in machine.calls
    kept = json.loads((machine.project / ".local/deploy/video2mp3/credentials.json").read_text())
    assert f"IDENTIFIED BY '{kept['MYSQL_PASSWORD']}'" in received(machine, "mysql")
    assert "'auth'@'127.0.0.0/255.255.255.0'" in received(machine, "mysql")
    assert kept["MONGODB_CONVERTER_PASSWORD"] in received(machine, "mongosh")
    assert key.read_text() == kept["MONGODB_REPLICA_SET_KEY"]
    # Again when it has restarted with the name of the set.
    assert 'rs.initiate({_id: "video2mp3"' in machine.state["mongosh"][-1]
    for value in kept.values():
        assert value not in said
        assert value not in json.dumps(machine.calls)
    machine.dotenv("MYSQL_HOST=host.minikube.internal\nSMTP_HOST=mail.example.com\n")
    machine.succeeds("deploy.sh", "--host-databases")


def test_a_second_run_changes_no_file_and_restarts_nothing(machine: Machine, etc: Path) -> None:
    machine.succeeds("setup-host.sh", "--yes", "--etc", str(etc))
    machine.switch("mysql-bind", "127.0.0.1,127.0.0.2")
    machine.switch("mongodb-closed")
    before, passwords = files(etc), (machine.project / ".local/deploy/video2mp3/credentials.json").read_text()
    machine.forget_calls()

    machine.succeeds("setup-host.sh", "--yes", "--etc", str(etc))

    assert files(etc) == before
    assert (machine.project / ".local/deploy/video2mp3/credentials.json").read_text() == passwords
    assert not [call for call in machine.calls if "restart" in call]


def test_the_replica_set_and_the_key_of_a_machine_are_kept(machine: Machine, etc: Path) -> None:
    own = "replication:\n  replSetName: mine\nsecurity:\n  keyFile: /etc/mine.key\n"
    (etc / "mongod.conf").write_text(_MONGOD_CONF + own)

    machine.succeeds("setup-host.sh", "--yes", "--etc", str(etc))

    configured = yaml.safe_load((etc / "mongod.conf").read_text())
    assert configured["replication"] == {"replSetName": "mine"}
    assert configured["security"] == {"authorization": "enabled", "keyFile": "/etc/mine.key"}
    assert 'rs.initiate({_id: "mine"' in machine.state["mongosh"][-1]


def test_an_address_of_another_machine_is_refused(machine: Machine, etc: Path) -> None:
    machine.switch("host-address", "203.0.113.7")

    assert "not an address of this machine" in machine.fails("setup-host.sh", "--yes", "--etc", str(etc))


def test_a_mongodb_that_listens_on_all_addresses_is_refused(machine: Machine, etc: Path) -> None:
    (etc / "mongod.conf").write_text(_MONGOD_CONF.replace("127.0.0.1", "0.0.0.0"))

    assert "listens on all addresses" in machine.fails("setup-host.sh", "--yes", "--etc", str(etc))
    assert "createUser" not in received(machine, "mongosh")


def test_an_old_mariadb_without_several_addresses_is_refused(machine: Machine, etc: Path) -> None:
    machine.switch("mysql-version", "10.6.12-MariaDB")

    assert "one address or on all" in machine.fails("setup-host.sh", "--yes", "--etc", str(etc))
