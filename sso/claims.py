"""What a client is told of a person: by the scopes it was granted, cut to the claims that its file names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sso.office import Office
from sso.people import Person
from sso.settings import Client
from sso.vault import compact

SCOPES: dict[str, dict[str, str]] = {
    "profile": {"name": "name", "birthdate": "birth_date", "gender": "gender"},
    "identity": {"national_id": "cccd", "old_national_id": "cmnd", "passport": "passport", "tech_id": "tech_id"},
    "enterprise": {
        "enterprise_name": "enterprise_name",
        "tax_code": "tax_code",
        "enterprise_code": "enterprise_code",
        "representative": "representative",
    },
    "contact": {"email": "email", "phone_number": "phone"},
    "address": {"address": "address"},
    "staff": {"staff_number": "staff_number"},
}
"""Scope → the claim's name → ours in the profile."""

WORDS = {
    "profile": ("họ tên, ngày sinh, giới tính", "name, birthday, gender"),
    "identity": ("số định danh, số CMND cũ, hộ chiếu, TechID", "personal numbers"),
    "enterprise": (
        "tên doanh nghiệp, mã số thuế, mã số doanh nghiệp, người đại diện",
        "the enterprise's name and numbers",
    ),
    "contact": ("thư điện tử, số điện thoại", "e-mail, telephone"),
    "address": ("nơi thường trú", "address"),
    "staff": ("số hiệu, đơn vị, vai trò cán bộ", "staff number, organisation, roles"),
    "offline_access": ("dữ liệu trên khi bạn không đăng nhập", "the above while you are not signed in"),
}


def subject(office: Office, client: Client, person: str) -> str:
    """What this client calls the person."""
    return person if client.subject == "public" else office.vault.pairwise(client.sector or client.id, person)


def session_id(office: Office, client: Client, session: str) -> str:
    """What this client calls the session (`sid`): by one name for all of them, two sectors could lay their people side by side after all."""
    return office.vault.pairwise(f"sid\0{client.sector or client.id}", session)


def userinfo(
    office: Office, client: Client, person: Person, scopes: Iterable[str], former: Iterable[str]
) -> dict[str, Any]:
    """The claims of the granted scopes. `formerly`: what the client called accounts that were merged into this one."""
    told: dict[str, Any] = {"account_kind": person.kind}
    for scope in scopes:
        told |= {name: _written(name, person.profile.get(ours)) for name, ours in SCOPES.get(scope, {}).items()}
        if scope == "staff":
            told |= {"organisation": person.organisation, "roles": list(person.roles)}
    if client.claims != ["*"]:
        told = {name: value for name, value in told.items() if name in client.claims}
    told |= {"formerly": [subject(office, client, number) for number in former]}
    return {"sub": subject(office, client, person.id), **compact(told)}


def _written(name: str, value: Any) -> Any:
    return {"formatted": value} if name == "address" and value else value
