"""What ./deploy.sh --dry-run prints: what would be applied, without secrets; it changes nothing and asks no cluster."""

import json
import tempfile
from pathlib import Path

from scripts.deploy import credentials, folders, images
from scripts.deploy.cluster import namespace_object
from scripts.deploy.plan import Plan, say


def show(plan: Plan) -> None:
    """Prints YAML documents."""
    namespace = plan.options.namespace
    stand_ins = dict.fromkeys(credentials.MADE, "not-shown") | dict.fromkeys(plan.settings.given, "not-shown")
    secrets = credentials.objects(stand_ins, plan.overlay, namespace)
    chosen = images.as_built(plan.options.registry, {})
    with tempfile.TemporaryDirectory(dir=folders.deployment(namespace), prefix="preview-") as folder:
        print(plan.render(Path(folder), chosen, secrets, {}), end="")
    for secret in secrets:
        print(f"---\n{json.dumps({**secret, 'data': dict.fromkeys(secret['data'], '***')}, indent=2)}")
    print(f"---\n# Unless it is there:\n{json.dumps(namespace_object(namespace), indent=2)}")
    say("Nothing was changed. The checksums of the configuration are others in a real run: they cover the secrets.")
