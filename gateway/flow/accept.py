"""Accept: one transaction, and only then an answer.

Stored are the original bytes, the canonical message, what its sender now believes, and one delivery per destination. Only after the
commit does the bell ring. What a message implies (a postal order, a returned dossier) is stored in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.canonical import Canonical
from gateway.config import PartnerFile
from gateway.errors import Fault, Refused
from gateway.flow.entry import Entry
from gateway.flow.letter import Letter
from gateway.flow.returning import name_again
from gateway.flow.validate import check_facts, check_rights, read_canonical, unknown_codes
from gateway.ledger import facts as ledger_facts
from gateway.ledger.messages import lock_dossiers, storable
from gateway.ledger.opening import Clash
from gateway.ports import Accepted, Page, Submission

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway


CHANCES = 10  # how often a commit is tried again because another one wrote the same key first


class Acceptance:
    """Accepts what one partner sends. `lenient` is for feeds that were polled: what cannot be taken is kept and held, never refused."""

    def __init__(self, gateway: Gateway, partner: PartnerFile, *, lenient: bool = False) -> None:
        self.gateway = gateway
        self.partner = partner
        self.lenient = lenient
        self.now = gateway.now()
        self.doubtful_until = gateway.doubtful_until

    def one(self, submission: Submission, *, key: str | None = None, trace: str | None = None) -> Accepted:
        """Raises `Refused` (a subclass tells more) or `LedgerAway`; then nothing is stored."""
        result = self.many([submission], key=key, trace=trace)[0]
        if isinstance(result, Refused):
            raise result
        return result

    def many(
        self, submissions: Sequence[Submission], *, key: str | None = None, trace: str | None = None
    ) -> list[Accepted | Refused]:
        """Each on its own merits, in order, all that are good in one transaction."""
        return self._commit([self._open(s, key, s.trace or trace) for s in submissions], cursor=None)

    def page(self, page: Page) -> list[Accepted | Refused]:
        """A polled page and its cursor, together."""
        return self._commit([self._open(s, None, None) for s in page.items], cursor=page.cursor)

    def _open(self, submission: Submission, key: str | None, trace: str | None) -> Letter | Refused:
        if self.lenient:
            thing = None if submission.thing is None else storable(submission.thing)
            submission = replace(submission, source_id=storable(submission.source_id), thing=thing)
        try:
            return self.read(submission, key, trace)
        except Refused as refused:
            return self.unreadable(submission, refused.faults) if self.lenient else refused

    def read(
        self,
        submission: Submission,
        key: str | None,
        trace: str | None,
        because: str | None = None,
        missing: Callable[[Collection[str]], set[str]] | None = None,
    ) -> Letter:
        """Every check that needs no ledger. Raises `Refused` with every fault. `because`: implied by this message of ours.

        `missing` tells which files are not in the store, when it is asked inside a transaction.
        """
        if submission.problem:
            raise Refused(submission.problem)
        gateway = self.gateway
        canonical = self._canonical(submission)
        if because is None:
            check_rights(self.partner, canonical)
        missing = missing or gateway.files.missing
        check_facts(
            canonical, submission.body or {}, gateway.codes, self.now, gateway.config.settings.future_seconds, missing
        )
        text = canonical.model_dump_json(exclude_none=True)
        return Letter(submission, canonical, text, json.loads(text), _digest(submission), key, trace, because)

    def _canonical(self, submission: Submission) -> Canonical:
        try:
            return read_canonical(submission.body)
        except Refused as refused:
            if not isinstance(submission.body, Mapping):
                raise
            told = {fault.pointer for fault in refused.faults}
            more = [f for f in unknown_codes(submission.body, self.gateway.codes) if f.pointer not in told]
            raise Refused([*refused.faults, *more]) from None

    def unreadable(self, submission: Submission, faults: Sequence[Fault]) -> Letter:
        """What is kept, and held, of something that cannot be taken."""
        body = {"type": "Unreadable", "faults": [f.as_json() for f in faults]}
        digest = hashlib.sha256(submission.original).hexdigest()
        return Letter(submission, None, storable(json.dumps(body, ensure_ascii=False)), body, digest)

    def _commit(self, letters: Sequence[Letter | Refused], cursor: str | None) -> list[Accepted | Refused]:
        for chance in range(CHANCES):
            try:
                results, bells = self._try_commit(letters, cursor)
                break
            except Clash:  # a twin request was first; it is found as an earlier message now
                if chance == CHANCES - 1:
                    raise
        for destination in bells:
            self.gateway.channel.ring(destination)
        return results

    def _try_commit(
        self, letters: Sequence[Letter | Refused], cursor: str | None
    ) -> tuple[list[Accepted | Refused], list[str]]:
        if cursor is None and all(isinstance(letter, Refused) for letter in letters):
            return [letter for letter in letters if isinstance(letter, Refused)], []

        def write(connection: Any) -> tuple[list[Accepted | Refused], list[str]]:
            bells: list[str] = []
            codes = {x.canonical.dossier for x in letters if isinstance(x, Letter) and x.canonical}
            if len(codes) > 1:
                lock_dossiers(connection, codes, self.gateway.config.partners)
            results = [x if isinstance(x, Refused) else self._enter(connection, x, bells) for x in letters]
            if cursor is not None:
                ledger_facts.set_cursor(connection, self.partner.id, cursor, self.now)
            return results, bells

        return self.gateway.ledger.write_together(write)

    def _enter(self, connection: Any, letter: Letter, bells: list[str]) -> Accepted | Refused:
        letter = name_again(connection, self.partner.id, letter)
        try:
            return Entry(self, connection, letter, bells).write()
        except Refused as refused:  # raised before the entry's first write
            if not self.lenient:
                return refused
            kept = self.unreadable(
                letter.submission, refused.faults
            )  # named after its bytes: other bytes, another name
            again = replace(letter.submission, source_id=f"{letter.submission.source_id}#{kept.digest[:12]}")
            return Entry(self, connection, replace(kept, submission=again), bells).write()


def _digest(submission: Submission) -> str:
    """Over the sender's content: for canonical JSON whatever its spacing and order of keys, otherwise the bytes."""
    if submission.mapping is None:
        return hashlib.sha256(json.dumps(submission.body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return hashlib.sha256(submission.original).hexdigest()
