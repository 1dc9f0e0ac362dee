"""How KEDA and the HorizontalPodAutoscaler that it creates set the number of converters.

https://keda.sh/docs/latest/concepts/scaling-deployments/,
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Self

import yaml

from scripts.stack.state import ROOT

MANIFEST = ROOT / "manifests" / "components" / "keda" / "scaledobject.yaml"
# s between two decisions of the HorizontalPodAutoscaler: the default of --horizontal-pod-autoscaler-sync-period.
SYNC = 15.0
# It changes nothing while the ratio of the metric to the target is within this of 1.
_TOLERANCE = 0.1


@dataclass(frozen=True)
class Policy:
    """A ScaledObject."""

    formula: CodeType
    """As Python: both languages write it alike. See `wanted`."""
    polling: float
    """s."""
    cooldown: float
    """s without jobs after which there are no replicas."""
    most: int
    stabilization: float
    """s: the number falls to the highest that was wanted in this time."""
    up: Sequence[Mapping[str, Any]]
    down: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path = MANIFEST, *, most: int | None = None, formula: str | None = None) -> Self:
        """From the manifest, with another limit or another formula if they are given."""
        spec = next(item for item in yaml.safe_load_all(path.read_text()) if item["kind"] == "ScaledObject")["spec"]
        behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        return cls(
            formula=compile(formula or spec["advanced"]["scalingModifiers"]["formula"], str(path), "eval"),
            polling=spec["pollingInterval"],
            cooldown=spec["cooldownPeriod"],
            most=most or spec["maxReplicaCount"],
            stabilization=behavior["scaleDown"]["stabilizationWindowSeconds"],
            up=behavior["scaleUp"]["policies"],
            down=behavior["scaleDown"]["policies"],
        )

    def wanted(self, *, converting: int, queued: int, waited: float, messages: int = 0) -> float:
        """The metric, which is also the number of replicas, as its target is 1.

        The first two are numbers of jobs, the oldest queued one has `waited` s, and `messages` of all these jobs are in
        the queue or delivered.
        """
        names = {"converting": converting, "queued": queued, "waited": waited, "messages": messages}
        # The formula is this repository's.
        return float(eval(self.formula, {"__builtins__": {}, "min": min, "max": max}, names))


@dataclass
class Autoscaler:
    """The state of the controllers."""

    policy: Policy
    replicas: int = 0
    _wanted: deque[tuple[float, int]] = field(default_factory=deque)
    _changes: deque[tuple[float, int]] = field(default_factory=deque)
    _active: float = -math.inf

    def poll(self, now: float, jobs: int) -> int:
        """KEDA's part: from zero to one, and back to zero. Returns the number of replicas."""
        if jobs:
            self._active = now
            self.replicas = max(1, self.replicas)
        elif self.replicas and now - self._active >= self.policy.cooldown:
            self.replicas = 0
            self._wanted.clear()
            self._changes.clear()
        return self.replicas

    def sync(self, now: float, metric: float) -> int:
        """The HorizontalPodAutoscaler's part, which does nothing while there are no replicas."""
        if not self.replicas:
            return 0
        wanted = math.ceil(metric)
        if abs(metric / self.replicas - 1) <= _TOLERANCE:
            wanted = self.replicas
        wanted = max(1, min(wanted, self.policy.most))
        while self._wanted and self._wanted[0][0] < now - self.policy.stabilization:
            self._wanted.popleft()
        self._wanted.append((now, wanted))
        if wanted < self.replicas:
            wanted = min(self.replicas, max(each for _, each in self._wanted))
        bound = self._bound(now, wanted)
        chosen = min(wanted, bound) if wanted > self.replicas else max(wanted, bound)
        if chosen != self.replicas:
            self._changes.append((now, chosen - self.replicas))
        self.replicas = chosen
        return chosen

    def _bound(self, now: float, wanted: int) -> int:
        """How far the policies let the number change now: each counts the changes of its own period."""
        up = wanted > self.replicas
        bounds = []
        for policy in self.policy.up if up else self.policy.down:
            recent = (change for at, change in self._changes if at > now - policy["periodSeconds"])
            begin = self.replicas - sum(change for change in recent if (change > 0) is up)
            sign = 1 if up else -1
            if policy["type"] == "Pods":
                bounds.append(begin + sign * policy["value"])
            elif up:
                bounds.append(math.ceil(begin * (1 + policy["value"] / 100)))
            else:
                bounds.append(math.floor(begin * (1 - policy["value"] / 100)))
        while self._changes and self._changes[0][0] < now - _LONGEST_PERIOD:
            self._changes.popleft()
        return int(max(bounds) if up else min(bounds))


# s: the API's limit of `periodSeconds`.
_LONGEST_PERIOD = 1800


@dataclass
class Fixed:
    """The same number of converters all day."""

    replicas: int

    def poll(self, _now: float, _jobs: int) -> int:
        return self.replicas

    def sync(self, _now: float, _metric: float) -> int:
        return self.replicas


Scaling = Autoscaler | Fixed
