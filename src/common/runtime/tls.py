"""TLS to servers: the settings `…_CA_FILE` and `…_CERT_FILE` of each server, and the context of a connection.

With a CA file, connections use TLS: the server's certificate must be signed by one of the file's authorities and be
valid for the host name. The file may be that of the system (/etc/ssl/certs/ca-certificates.crt).
"""

import ssl
from collections.abc import Iterator
from pathlib import Path

from pydantic_settings import BaseSettings


def context(ca_file: Path | None, cert_file: Path | None = None) -> ssl.SSLContext:
    """Verifies the server, by the system's authorities without a CA file; `cert_file` has certificate and key (PEM)."""
    made = ssl.create_default_context(cafile=ca_file)
    if cert_file is not None:
        made.load_cert_chain(cert_file)
    return made


def unusable_files(settings: BaseSettings) -> Iterator[str]:
    """A line for each file of certificates that the settings name and that cannot be used."""
    for name in type(settings).model_fields:
        path = getattr(settings, name)
        if path is None or not name.endswith(("_ca_file", "_cert_file")):
            continue
        try:
            context(path) if name.endswith("_ca_file") else context(None, path)
        except ssl.SSLError:
            what = "certificates" if name.endswith("_ca_file") else "a certificate and its private key"
            yield f"{name.upper()}: {path} does not contain {what} in PEM format"
        except OSError as error:
            yield f"{name.upper()}: {path} cannot be read: {error.strerror}"
