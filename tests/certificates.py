"""Certificates for a test, made by openssl: an authority, a server called localhost, a client, and an authority nobody knows."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    stranger: Path


def make_certificates(folder: Path, client: str = "lienthong") -> Certificates:
    """`client` is the client's common name."""
    folder.mkdir()
    authority, authority_key = _sign(folder, "authority")
    issuer = (authority, authority_key)
    server, server_key = _sign(folder, "localhost", issuer, "subjectAltName=DNS:localhost")
    client_file, client_key = _sign(folder, client, issuer, "extendedKeyUsage=clientAuth")
    stranger, _ = _sign(folder, "stranger")
    return Certificates(authority, server, server_key, client_file, client_key, stranger)


def _sign(folder: Path, name: str, issuer: tuple[Path, Path] | None = None, extension: str = "") -> tuple[Path, Path]:
    """One certificate, signed by the issuer or by itself."""
    file, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", f"/CN={name}", "-keyout", str(key), "-out", str(file)]
    if issuer is not None:
        command += ["-CA", str(issuer[0]), "-CAkey", str(issuer[1]), "-addext", "basicConstraints=CA:FALSE"]
    if extension:
        command += ["-addext", extension]
    subprocess.run(command, check=True, capture_output=True)
    return file, key
