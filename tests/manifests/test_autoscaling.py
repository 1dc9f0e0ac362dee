"""What scales the converter: KEDA's ScaledObject, and the HorizontalPodAutoscaler that does without KEDA."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
from prometheus_client import Gauge

from common.runtime import metrics
from scripts.bench.simulation.autoscaler import Policy
from scripts.deploy import files
from scripts.deploy.manifests import Overlay
from tests.manifests.kustomize import Object, render
from tests.manifests.pods import of_kind

KEDA = ("minikube", "autoscaling", "keda")
PROMETHEUS = ("minikube", "autoscaling", "autoscaling-prometheus")


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """The schema of an object without other fields."""
    return {
        "type": "object", "properties": {**required, **optional}, "required": list(required),
        "additionalProperties": False,
    }  # fmt: skip


TEXT, NUMBER = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}
RULES = closed(
    {
        "policies": {
            "type": "array", "minItems": 1,
            "items": closed({
                "type": {"enum": ["Pods", "Percent"]}, "value": {"type": "integer", "minimum": 1},
                "periodSeconds": {"type": "integer", "minimum": 1, "maximum": 1800},
            }),
        },
    },
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
)  # fmt: skip
# The part of keda.sh_scaledobjects.yaml (KEDA 2.17 to 2.20) that is used here. The API server drops unknown fields, so
# a misspelt one would have no effect.
SPEC = closed(
    {
        "scaleTargetRef": closed({"name": TEXT}),
        "pollingInterval": NUMBER, "cooldownPeriod": NUMBER, "minReplicaCount": NUMBER, "maxReplicaCount": NUMBER,
        "fallback": closed(
            {"failureThreshold": NUMBER, "replicas": NUMBER},
            behavior={"enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]},
        ),
        "advanced": closed({
            "scalingModifiers": closed(
                {"formula": TEXT, "target": TEXT}, activationTarget=TEXT, metricType={"enum": ["AverageValue", "Value"]}
            ),
            "horizontalPodAutoscalerConfig": closed({"behavior": closed({"scaleUp": RULES, "scaleDown": RULES})}),
        }),
        "triggers": {
            "type": "array", "minItems": 1,
            "items": closed({
                "type": {"const": "metrics-api"}, "name": {"type": "string", "pattern": "^[a-z]+$"},
                "metricType": {"const": "AverageValue"},
                # KEDA reads all of them as text.
                "metadata": closed({
                    "url": TEXT, "valueLocation": TEXT, "format": {"const": "prometheus"}, "targetValue": TEXT,
                }),
            }),
        },
    }
)  # fmt: skip


def one(objects: Sequence[Object], kind: str, name: str) -> Object:
    (found,) = (item for item in of_kind(objects, kind) if item["metadata"]["name"] == name)
    return found


@pytest.fixture(scope="module")
def scaled() -> Object:
    spec: Object = one(render(KEDA), "ScaledObject", "converter")["spec"]
    return spec


def test_the_scaled_object_has_only_fields_that_keda_knows(scaled: Object) -> None:
    jsonschema.validate(scaled, SPEC)
    # Without `AverageValue` KEDA uses no fallback.
    assert scaled["advanced"]["scalingModifiers"]["metricType"] == "AverageValue"


def test_its_triggers_ask_the_gateways_for_metrics_that_they_export(scaled: Object) -> None:
    objects = render(KEDA)
    exported = {family.name for each in vars(metrics).values() if isinstance(each, Gauge) for family in each.describe()}
    for trigger in scaled["triggers"]:
        url = urlsplit(trigger["metadata"]["url"])
        name, _, rest = str(url.hostname).partition(".")
        service = one(objects, "Service", name)["spec"]
        assert rest.endswith(".svc")
        assert (url.port, url.path) == (service["ports"][0]["port"], "/metrics")
        assert service["selector"] == {"app": "gateway"}
        assert trigger["metadata"]["valueLocation"] in exported
    names = [trigger["name"] for trigger in scaled["triggers"]]
    formula = scaled["advanced"]["scalingModifiers"]["formula"]
    assert set(re.findall(r"[a-z]+", formula)) - {"min", "max"} == set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("namespace", ["video2mp3", "another"])
def test_the_namespace_of_the_deployment_is_in_the_addresses(
    namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "deployment", lambda _namespace: tmp_path)
    for components in (["keda"], ["autoscaling", "network-policies", "keda"]):
        objects = Overlay.render("minikube", components, namespace).objects
        triggers = one(objects, "ScaledObject", "converter")["spec"]["triggers"]
        assert {urlsplit(each["metadata"]["url"]).hostname for each in triggers} == {f"gateway-metrics.{namespace}.svc"}


@pytest.mark.parametrize(
    ("converting", "queued", "waited", "wanted"),
    [
        (0, 0, 0, 0),
        # More than zero, so that KEDA starts the first one.
        (0, 1, 0, 0.25),
        (3, 0, 0, 3),
        (4, 100, 0, 29),
        (4, 100, 30, 54),
        (4, 100, 60, 104),
        # The HorizontalPodAutoscaler ignores differences of 10 %.
        (50, 1, 3600, 57),
        # One that waits for a retry needs no more than one converter, however long that is.
        (0, 1, 300, 1),
    ],
)
def test_converters_follow_the_jobs_and_how_long_they_wait(
    converting: int, queued: int, waited: float, wanted: float
) -> None:
    assert Policy.read().wanted(converting=converting, queued=queued, waited=waited) == pytest.approx(wanted)


def test_prometheus_computes_the_same(scaled: Object) -> None:
    objects = render(PROMETHEUS)
    (group,) = one(objects, "PrometheusRule", "converters-wanted")["spec"]["groups"]
    (rule,) = group["rules"]
    metric_of = {trigger["name"]: trigger["metadata"]["valueLocation"] for trigger in scaled["triggers"]}
    expression = re.sub(r"max by \(namespace\) \((\w+)\)", r"\1", rule["expr"])
    for name, metric in metric_of.items():
        expression = expression.replace(metric, name)
    # clamp(x, least, most)
    expression = re.sub(r"clamp\((.*?), (\S+?), (\S+?)\)", r"max(\2, min(\3, \1))", expression)
    # PromQL has no whole numbers; KEDA's formula must be of floating-point ones.
    assert expression == scaled["advanced"]["scalingModifiers"]["formula"].replace("1.0", "1")

    scaler = one(objects, "HorizontalPodAutoscaler", "converter")["spec"]
    (metric,) = scaler["metrics"]
    assert metric["external"]["metric"]["name"] == rule["record"]
    assert metric["external"]["target"] == {
        "type": "AverageValue", "averageValue": scaled["advanced"]["scalingModifiers"]["target"],
    }  # fmt: skip
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    for direction in ("scaleUp", "scaleDown"):
        for key, value in behavior[direction].items():
            assert scaler["behavior"][direction][key] == value


def test_keda_reads_no_password_and_reaches_rabbitmq_no_longer() -> None:
    objects = render((*KEDA, "network-policies"))
    assert of_kind(objects, "TriggerAuthentication") == []
    assert "authenticationRef" not in str(one(objects, "ScaledObject", "converter"))


@pytest.mark.parametrize("combination", [KEDA, PROMETHEUS], ids="+".join)
def test_a_converter_that_is_scaled_down_has_the_time_for_the_longest_conversion(combination: tuple[str, ...]) -> None:
    objects = render(combination)
    settings = one(objects, "ConfigMap", "converter-configmap")["data"]
    pod = one(objects, "Deployment", "converter")["spec"]["template"]["spec"]
    longest, grace = float(settings["CONVERSION_TIMEOUT"]), float(settings["SHUTDOWN_GRACE"])
    assert longest < grace < pod["terminationGracePeriodSeconds"]
