"""The environment variables of a stack: all of them for tests, and those of each program."""

import sys
from pathlib import Path
from urllib.parse import quote

from scripts.stack.state import ROOT, State

# In the environment of every process of a stack and of no other process: `down` finds them by it, orphaned ones too.
MARK = "VIDEO2MP3_STACK_PROCESS"

_PATH = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_MYSQL = ("MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DB")
_MONGODB = ("MONGO_URI",)
_RABBITMQ = ("RABBITMQ_URI",)
_LINK = ("LINK_SECRET", "LINK_SECRET_PREVIOUS", "PUBLIC_URL")
_SMTP = ("SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_PASSWORD", "SMTP_SECURITY", "SMTP_CA_FILE", "GMAIL_ADDRESS")
_PROVIDER = ("AI_SUMMARY_URL", "AI_SUMMARY_API_KEY", "AI_SUMMARY_MODEL")
# What a service gets: the same as from its manifest.
SHARES = {
    "auth": (*_MYSQL, "JWT_SECRET", "JWT_SECRET_PREVIOUS", "LINK_SECRET", "LINK_SECRET_PREVIOUS"),
    "gateway": (*_MONGODB, *_RABBITMQ, *_LINK, "AUTH_SVC_ADDRESS", "SUMMARY_SVC_ADDRESS", "SUMMARY_QUEUE"),
    "housekeeping": (*_MONGODB, *_RABBITMQ, *_LINK, "AUTH_SVC_ADDRESS", "SUMMARY_QUEUE"),
    "converter": (*_MONGODB, *_RABBITMQ),
    "notification": (*_MONGODB, *_RABBITMQ, *_LINK, *_SMTP),
    "summary": (*_MONGODB, *_RABBITMQ, *_PROVIDER, "AUTH_SVC_ADDRESS", "SUMMARY_QUEUE"),
    "summary-worker": (*_MONGODB, *_RABBITMQ, *_PROVIDER, "AUTH_SVC_ADDRESS", "SUMMARY_QUEUE"),
    "auth.migrations": (*_MYSQL, "MYSQL_MIGRATIONS_USER", "MYSQL_MIGRATIONS_PASSWORD"),
    "gateway.migrations": _MONGODB,
    "backup": (*_MYSQL, "MYSQL_MIGRATIONS_USER", "MYSQL_MIGRATIONS_PASSWORD", *_MONGODB),
}
# Whose accounts of MongoDB and RabbitMQ a program has, if it has none of its own.
_ACCOUNTS = {"housekeeping": "gateway", "summary-worker": "summary", "gateway.migrations": "gateway"}
# Not programs that a stack runs: for `local.sh exec`.
COMMANDS = {"backup"}
# What their images set (src/*/Dockerfile): memory allocation, and a thread for each transfer.
_MEMORY = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "33554432"}
IMAGES = {
    "gateway": {**_MEMORY, "MALLOC_TRIM_THRESHOLD_": "16777216", "WEB_THREADS": "320"},
    "converter": {**_MEMORY, "MALLOC_TRIM_THRESHOLD_": "4194304"},
}

_SERVERS = {"auth", "gateway", "summary"}
_WORKERS = {"converter", "notification", "summary-worker"}


def complete(state: State) -> dict[str, str]:
    """Every variable that a service or a test needs, with the values of `up --set`."""
    return {**own(state), **state.overrides}


def own(state: State) -> dict[str, str]:
    """As `complete`, without the values of `up --set`. Its accounts may do everything: they are for tests."""
    ports, secrets = state.ports, state.secrets
    gateway = f"http://127.0.0.1:{ports['gateway']}"
    mail, provider = state.folder / "mailserver", state.folder / "provider"
    model = {
        "AI_SUMMARY_URL": f"http://127.0.0.1:{ports['provider']}/v1",
        "AI_SUMMARY_API_KEY": secrets["provider"],
        "AI_SUMMARY_MODEL": "fake",
        "PROVIDER_CONTROL": str(provider / "control.json"),
        "PROVIDER_REQUESTS": str(provider / "requests.jsonl"),
    }
    return {
        **(model if state.provider else {}),
        "MYSQL_HOST": "127.0.0.1",
        "MYSQL_PORT": str(ports["mysql"]),
        "MYSQL_USER": "auth",
        "MYSQL_PASSWORD": secrets["mysql"],
        "MYSQL_DB": "auth",
        "MYSQL_MIGRATIONS_USER": "migrations",
        "MYSQL_MIGRATIONS_PASSWORD": secrets["mysql_migrations"],
        "MYSQL_ROOT_USER": "root",
        "MYSQL_ROOT_PASSWORD": secrets["mysql_root"],
        "MONGO_URI": _mongo_uri(state, "video2mp3", secrets["mongodb"]),
        "MONGODB_HOST": "127.0.0.1",
        "MONGODB_PORT": str(ports["mongodb"]),
        "MONGODB_USER": "video2mp3",
        "MONGODB_PASSWORD": secrets["mongodb"],
        "RABBITMQ_URI": _rabbitmq_uri(state, "video2mp3", secrets["rabbitmq"]),
        "RABBITMQ_HOST": "127.0.0.1",
        "RABBITMQ_PORT": str(ports["rabbitmq"]),
        "RABBITMQ_USER": "video2mp3",
        "RABBITMQ_PASSWORD": secrets["rabbitmq"],
        "RABBITMQ_MANAGER_USER": "manager",
        "RABBITMQ_MANAGER_PASSWORD": secrets["rabbitmq_manager"],
        "RABBITMQ_MANAGEMENT_URL": f"http://127.0.0.1:{ports['rabbitmq_management']}",
        "RABBITMQ_TLS_PORT": str(ports["rabbitmq_tls"]),
        "TLS_FOLDER": str(state.folder / "certificates"),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(ports["mailserver"]),
        "SMTP_USER": "video2mp3",
        "SMTP_PASSWORD": secrets["smtp"],
        "SMTP_SECURITY": "starttls",
        "SMTP_CA_FILE": str(state.folder / "certificates" / "ca.pem"),
        "GMAIL_ADDRESS": "video2mp3@example.com",
        "MAILDIR": str(mail / "Maildir"),
        "MAIL_CONTROL": str(mail / "control.json"),
        "JWT_SECRET": secrets["jwt"],
        "LINK_SECRET": secrets["link"],
        "AUTH_SVC_ADDRESS": f"127.0.0.1:{ports['auth']}",
        "AUTH_URL": f"http://127.0.0.1:{ports['auth']}",
        "SUMMARY_SVC_ADDRESS": f"127.0.0.1:{ports['summary']}",
        "SUMMARY_QUEUE": "summary",
        "GATEWAY_URL": gateway,
        "PUBLIC_URL": gateway,
    }


def _mongo_uri(state: State, user: str, password: str) -> str:
    members = ",".join(f"127.0.0.1:{state.ports[name]}" for name in state.mongodb_names)
    return f"mongodb://{user}:{quote(password, safe='')}@{members}/?authSource=admin"


def _rabbitmq_uri(state: State, user: str, password: str) -> str:
    return f"amqp://{user}:{quote(password, safe='')}@127.0.0.1:{state.ports['rabbitmq']}/%2F"


def _accounts(state: State, like: str) -> dict[str, str]:
    """How the program logs in: with the accounts of its service, which have the same rights as in the cluster."""
    user = _ACCOUNTS.get(like, like)
    return {
        "MONGO_URI": _mongo_uri(state, user, state.secrets.get(f"mongodb_{user}", "")),
        "RABBITMQ_URI": _rabbitmq_uri(state, user, state.secrets.get(f"rabbitmq_{user}", "")),
    }


def base(state: State) -> dict[str, str]:
    """What every process of the stack has; nothing leaks in from the caller's environment."""
    return {
        "PATH": _PATH,
        "HOME": str(state.folder / "home"),
        "LANG": "C.UTF-8",
        "TMPDIR": str(state.tmp),
        MARK: str(state.folder),
    }


def service(state: State, name: str, like: str) -> dict[str, str]:
    everything = {**own(state), **_accounts(state, like), **state.overrides}
    share = {key: everything[key] for key in SHARES[like] if key in everything}
    listen: dict[str, str] = {}
    for variable, port in listening(name, like).items():
        listen |= {variable: str(state.ports[port]), variable.replace("PORT", "HOST"): "127.0.0.1"}
    variant = state.variants.get(name)
    # Redirects lead to the gateway that has sent them.
    public = {"PUBLIC_URL": f"http://127.0.0.1:{state.ports[name]}"} if variant and like == "gateway" else {}
    return {
        **base(state),
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONUNBUFFERED": "1",
        "LOG_FORMAT": "text",
        **share,
        **public,
        **listen,
        **IMAGES.get(like, {}),
        **(_coverage() if state.coverage else {}),
        **state.overrides,
        **(variant.env if variant else {}),
    }


def listening(name: str, like: str) -> dict[str, str]:
    """The names of the service's ports by environment variable; a worker only answers probes."""
    if like in _SERVERS:
        # The port with a gateway's name is that of its nginx.
        return {"PORT": f"{name}_gunicorn" if like == "gateway" else name, "HEALTH_PORT": f"{name}_health"}
    return {"HEALTH_PORT": name} if like in _WORKERS else {}


def ports(name: str, like: str) -> list[str]:
    before = [name, f"{name}-nginx"] if like == "gateway" else []
    return [*before, *listening(name, like).values()]


def _coverage() -> dict[str, str]:
    # Python's start-up file of coverage (a .pth) begins to measure when it finds the first. The data outlive the stack.
    return {
        "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"),
        "COVERAGE_FILE": str(ROOT / ".local" / "coverage" / ".coverage"),
    }
