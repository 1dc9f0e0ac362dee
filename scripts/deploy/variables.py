"""Which variables each service reads, taken from its settings classes without importing them.

The classes are the one place where a variable is declared; reading their source needs neither their libraries nor a
virtual environment. What their validators refuse without knowing other fields is refused here too, before anything
is applied: otherwise the operator would learn it from a pod that does not start.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts.deploy import folders

# What the manifests decide, together with services, ports, probes, volumes and the time to end.
FIXED = frozenset(
    {
        "AUTH_SVC_ADDRESS",
        "SUMMARY_SVC_ADDRESS",
        "HOST",
        "PORT",
        "HEALTH_HOST",
        "HEALTH_PORT",
        "SHUTDOWN_GRACE",
        "WEB_GRACE",
        "WORK_FOLDER",
    }
)

# The smallest and largest value of a type's name in the settings, and whether it is whole.
_NUMBERS: Mapping[str, tuple[float, float, bool]] = {
    "Port": (1, 65535, True),
    "PositiveInt": (1, float("inf"), True),
    "NonNegativeInt": (0, float("inf"), True),
    "PositiveFloat": (5e-324, float("inf"), False),
    "NonNegativeFloat": (0, float("inf"), False),
}


@dataclass(frozen=True)
class Variable:
    """One field of a settings class."""

    name: str
    secret: bool
    annotation: ast.expr
    default: ast.expr | None

    def problem(self, value: str) -> str | None:
        """What is wrong with a value, None if nothing is; it never repeats a secret."""
        problem = self._number_problem(value) or self._choice_problem(value) or self._field_problem(value)
        return f"{self.name} {problem}" if problem else None

    @cached_property
    def _names(self) -> set[str]:
        return {node.id for node in ast.walk(self.annotation) if isinstance(node, ast.Name)}

    def _number_problem(self, value: str) -> str | None:
        for name in self._names & _NUMBERS.keys():
            low, high, whole = _NUMBERS[name]
            try:
                fits = low <= (int(value) if whole else float(value)) <= high
            except ValueError:
                fits = False
            if not fits:
                at_least = "greater than 0" if low == 5e-324 else f"at least {low:g}"
                at_most = f" and at most {high:g}" if high < float("inf") else ""
                return f"must be a {'whole ' if whole else ''}number, {at_least}{at_most}"
        return None

    def _choice_problem(self, value: str) -> str | None:
        for node in ast.walk(self.annotation):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
                choices = [str(leaf.value) for leaf in ast.walk(node.slice) if isinstance(leaf, ast.Constant)]
                if value not in choices:
                    return f"must be one of {', '.join(choices)}"
        return None

    def _field_problem(self, value: str) -> str | None:
        if isinstance(self.default, ast.Call):
            for keyword in self.default.keywords:
                constant = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if keyword.arg == "pattern" and isinstance(constant, str) and not re.search(constant, value):
                    return f"does not have the right form ({constant})"
                if keyword.arg == "min_length" and isinstance(constant, int) and len(value) < constant:
                    return f"must have at least {constant} characters"
        return None


def by_service() -> dict[str, dict[str, Variable]]:
    """Each service's variables by name; those that the manifests fix are left out."""
    common = _classes(folders.SOURCE / "common" / "settings.py")
    found = {}
    for path in sorted(folders.SOURCE.glob("*/settings.py")):
        service = path.parent.name
        if service == "common":
            continue
        classes = common | _classes(path)
        wanted = set(_classes(path))
        if (path.parent / "wsgi.py").exists():  # served by gunicorn, whose settings are shared
            wanted.add("ServerSettings")
        variables = {variable.name: variable for name in sorted(wanted) for variable in _fields(name, classes)}
        found[service] = {name: variable for name, variable in variables.items() if name not in FIXED}
    return found


def _classes(path: Path) -> dict[str, ast.ClassDef]:
    if not path.exists():
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(name: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[Variable]:
    node = classes.get(name)
    if node is None:
        return
    for base in node.bases:
        if isinstance(base, ast.Name):
            yield from _fields(base.id, classes)
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            secret = "SecretStr" in ast.dump(line.annotation)
            yield Variable(line.target.id.upper(), secret, line.annotation, line.value)
