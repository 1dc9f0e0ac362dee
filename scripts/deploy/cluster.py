"""The one cluster and namespace that a run is about, behind kubectl."""

import json
import time
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.deploy import programs
from scripts.deploy.errors import DeployError

Object = dict[str, Any]

# What a deployment puts on all it creates, and the only things it ever removes.
PART_OF = ("app.kubernetes.io/part-of", "video2mp3")
MANAGED_BY = ("app.kubernetes.io/managed-by", "video2mp3-deploy")

# s. A cluster that does not answer by then is not there.
_REACHABLE = 20
_APPLY = 180


@dataclass(frozen=True)
class Cluster:
    """Each command names context and namespace: a `kubectl config use-context` elsewhere must not redirect a run."""

    context: str
    namespace: str

    @classmethod
    def current(cls, namespace: str) -> "Cluster":
        """The cluster that kubectl points to. Raises DeployError when there is none."""
        try:
            context = programs.output(["kubectl", "config", "current-context"]).strip()
        except programs.ProgramFailed:
            raise DeployError(
                "kubectl points to no cluster. Start one with `minikube start`, or choose one with"
                " `kubectl config use-context NAME`, then try again."
            ) from None
        return cls(context, namespace)

    def words(self, *words: str) -> list[str]:
        """The command line, namespace and all."""
        return ["kubectl", "--context", self.context, "--namespace", self.namespace, *words]

    def check_reachable(self) -> None:
        """Raises DeployError when the cluster does not answer."""
        try:
            programs.output(
                self.words("get", "--raw", "/version", f"--request-timeout={_REACHABLE}s"), seconds=2 * _REACHABLE
            )
        except DeployError as error:
            complaint = error.complaint.splitlines()[-1:] if isinstance(error, programs.ProgramFailed) else [str(error)]
            raise DeployError(
                f"The cluster {self.context} does not answer ({' '.join(complaint)}). Start it (`minikube start`),"
                " or choose another with `kubectl config use-context NAME`, then try again."
            ) from None

    def get(self, kinds: str, *more: str) -> list[Object]:
        """Objects of these kinds, with kubectl's own selectors in `more`."""
        found = json.loads(programs.output(self.words("get", kinds, "--output=json", *more)) or "{}")
        items: list[Object] = found.get("items", [])
        return items

    def ours(self, kinds: str) -> list[Object]:
        """The objects of these kinds that belong to the system."""
        return self.get(kinds, f"--selector={'='.join(PART_OF)}")

    def find(self, kind: str, name: str) -> Object | None:
        """One object, None when there is none of that name."""
        text = programs.output(self.words("get", kind, name, "--ignore-not-found", "--output=json"))
        return json.loads(text) if text.strip() else None

    def create_namespace(self) -> None:
        """Makes the namespace. Raises DeployError."""
        try:
            self.apply([namespace_object(self.namespace)])
        except programs.ProgramFailed as error:
            raise DeployError(
                f"The namespace {self.namespace} does not exist and cannot be created: {error.complaint}"
            ) from None

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> str:
        """Applies objects that may hold secrets: they travel by standard input. Returns what kubectl says."""
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return programs.output(self.words("apply", "--filename=-"), given=listed, seconds=_APPLY)

    def apply_secrets(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Applies Secrets on the server's side: kubectl itself would copy them into an annotation, and into errors."""
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        words = ["apply", "--server-side", "--force-conflicts", "--field-manager=video2mp3-deploy", "--filename=-"]
        try:
            programs.output(self.words(*words), given=listed, seconds=_APPLY)
        except programs.ProgramFailed as error:
            complaint = error.complaint
            for item in objects:
                for value in item["data"].values():
                    complaint = complaint.replace(value, "***").replace(b64decode(value).decode(), "***")
            raise DeployError(f"The Secrets cannot be applied: {complaint}") from None

    def delete(self, kind: str, *names: str, seconds: float = 120) -> None:
        """Deletes objects and waits until they are gone."""
        programs.output(
            self.words("delete", kind, *names, "--ignore-not-found", f"--timeout={seconds:.0f}s"), seconds=seconds + 30
        )

    def delete_all(self, names: Sequence[str], *, seconds: float) -> None:
        """Deletes objects given as KIND/NAME and waits until they are gone."""
        programs.output(
            self.words("delete", *names, "--ignore-not-found", f"--timeout={seconds:.0f}s"), seconds=seconds + 30
        )

    def wait_for_no_pods(self, *, besides: Collection[str], seconds: float) -> None:
        """Returns when the pods of all apps but some have ended. Raises DeployError when one does not."""
        deadline = time.monotonic() + seconds
        while pods := [pod for pod in self.ours("pods") if pod["metadata"]["labels"].get("app") not in besides]:
            if time.monotonic() > deadline:
                names = ", ".join(pod["metadata"]["name"] for pod in pods)
                raise DeployError(f"These pods do not end: {names}. Look at them with kubectl describe pod.")
            time.sleep(1)


def namespace_object(name: str) -> Object:
    """The namespace, with the mark that lets undeploy.sh remove it."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict((PART_OF, MANAGED_BY))}}


def identity(item: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name."""
    return item["kind"], item["metadata"]["name"]
