"""Two deliveries that waited for a partner at once were proofs of one stretch, in the order in which the ledger happened to give them."""

from __future__ import annotations

from tests.unit.test_delays import explain, message, submitted, way


def test_whichever_way_is_given_first_the_proofs_are_the_same() -> None:
    told = [submitted(), message(2, "one-stop", "06T10:00", status=4), message(3, "one-stop", "06T11:00", status=9)]
    earlier = way(2, "portal", "06T10:00", None, ("06T11:00", "503"))
    later = way(3, "portal", "06T11:00", None, ("06T11:00", "503"))

    one, other = explain(told, [earlier, later]), explain(told[:1] + told[:0:-1], [later, earlier])

    assert [proof.id for proof in one.stretches[-1].proofs if proof.what == "attempt"] == ["200", "300"]
    assert other == one
