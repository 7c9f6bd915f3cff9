"""What a static check of a mapping has found, in English: the Vietnamese stands first."""

from __future__ import annotations


def english(findings: list[str]) -> list[str]:
    assert all(" · " in finding for finding in findings), findings
    return [f"{one.partition(': ')[0]}: {one.partition(' · ')[2]}" for one in findings]
