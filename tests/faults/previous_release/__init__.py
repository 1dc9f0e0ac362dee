"""Loads what an earlier release stored into the servers of a stack."""

import json
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import MySQLdb
from bson import json_util
from pymongo import MongoClient

from scripts.stack.program import find

FOLDER = Path(__file__).parent
# How old the data seem to be: longer than STALLED_AFTER, and less than the lifetime of an upload.
AGE = timedelta(hours=2)

Document = dict[str, Any]


@dataclass(frozen=True)
class PreviousRelease:
    """What its clients saw."""

    expected: Mapping[str, Any] = field(default_factory=lambda: json.loads((FOLDER / "expected.json").read_text()))

    @property
    def link_secret(self) -> str:
        return str(self.expected["link_secret"])

    def job(self, name: str) -> Mapping[str, Any]:
        job: Mapping[str, Any] = self.expected["jobs"][name]
        return job

    def load(self, environment: Mapping[str, str]) -> None:
        """Replaces the databases of a stack without services."""
        self._load_mysql(environment)
        with MongoClient[Document](environment["MONGO_URI"]) as client:
            for name, collections in self._mongodb().items():
                client.drop_database(name)
                for collection, content in collections.items():
                    for index in content["indexes"]:
                        options = {key: value for key, value in index.items() if key != "key"}
                        client[name][collection].create_index(list(index["key"].items()), **options)
                    if content["documents"]:
                        client[name][collection].insert_many(self._shifted(content["documents"]))

    def documents(self, database: str, collection: str) -> list[Document]:
        """The documents as they are loaded."""
        found: list[Document] = self._shifted(self._mongodb()[database][collection]["documents"])
        return found

    def _mongodb(self) -> dict[str, dict[str, Document]]:
        text = (FOLDER / "mongodb.json").read_text()
        options = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True, tzinfo=UTC)
        databases: dict[str, dict[str, Document]] = json_util.loads(text, json_options=options)
        return databases

    def _shifted(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value + (datetime.now(UTC) - AGE - datetime.fromisoformat(self.expected["dumped_at"]))
        if isinstance(value, dict):
            return {key: self._shifted(each) for key, each in value.items()}
        return [self._shifted(each) for each in value] if isinstance(value, list) else value

    def _load_mysql(self, environment: Mapping[str, str]) -> None:
        with closing(
            MySQLdb.connect(
                host=environment["MYSQL_HOST"], port=int(environment["MYSQL_PORT"]), connect_timeout=10,
                user=environment["MYSQL_ROOT_USER"], password=environment["MYSQL_ROOT_PASSWORD"],
            )
        ) as connection:  # fmt: skip
            connection.cursor().execute(f"DROP DATABASE {environment['MYSQL_DB']}")
        client = [
            find("mariadb", package="mariadb-client"), "--no-defaults", "--protocol=tcp",
            f"--host={environment['MYSQL_HOST']}", f"--port={environment['MYSQL_PORT']}",
            f"--user={environment['MYSQL_ROOT_USER']}",
        ]  # fmt: skip
        with (FOLDER / "accounts.sql").open("rb") as script:
            subprocess.run(
                client, stdin=script, env={"MYSQL_PWD": environment["MYSQL_ROOT_PASSWORD"]}, check=True,
                capture_output=True, timeout=60,
            )  # fmt: skip
