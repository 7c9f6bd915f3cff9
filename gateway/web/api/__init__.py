"""The REST interface under `/api/v1`, one operation a file."""

from __future__ import annotations

from importlib import import_module

from flask_openapi.blueprint import APIBlueprint

api = APIBlueprint("api", __name__, url_prefix="/api/v1")

OPERATIONS = (
    "dossiers",
    "statuses",
    "batch",
    "files",
    "dossier",
    "timeline",
    "status_feed",
    "message",
    "deliveries",
    "partner_health",
    "statistics",
    "delays",
    "kpi",
)

for _name in OPERATIONS:
    import_module(f"gateway.web.api.{_name}")

__all__ = ["OPERATIONS", "api"]
