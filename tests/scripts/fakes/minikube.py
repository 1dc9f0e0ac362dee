"""A minikube whose profile has the fake cluster's node."""

from tests.scripts.fakes import world


def main(words: list[str]) -> None:
    """Does what the scripts ask of minikube."""
    world.note("minikube")
    if words[:1] == ["--profile"]:
        words = words[2:]
    with world.state() as state:
        loaded = state.setdefault("loaded", [])
        match words:
            case ["profile"]:
                print("minikube")
            case ["ip"]:
                print(world.is_set("minikube-ip") or "192.0.2.10")
            case ["ssh", *_]:
                print(f"{world.is_set('host-address') or '127.0.0.2'}\thost.minikube.internal")
            case ["image", "ls"]:
                print("\n".join(f"docker.io/{name}" for name in loaded))
            case ["image", "load", name]:
                loaded.append(name)
            case _:
                world.fail(f"minikube {words}: not expected")
