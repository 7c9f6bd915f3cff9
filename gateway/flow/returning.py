"""Content that comes back: a partner says 4, then 5, then 4 again. The third is news, though its content was told before.

A thing's messages are named `<thing><digest of the content>`. What returns is named `<thing><digest>~<digest of the name it follows on>`: the same
for every process that reads it, so said twice it is one message. `-2` and so on stand behind the further messages of one content.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from gateway.flow.letter import Letter
from gateway.ledger.messages import tellings

# No id of another thing can be read as this one's: a name of its own would have one more `-<digest>` behind it.
_NAME = re.compile(r"(([0-9a-f]{12})(?:~[0-9a-f]{12})?)(-[0-9]{1,2})?")


def name_again(connection: Any, source: str, letter: Letter) -> Letter:
    """The letter under the name that it has among what `source` told of its thing and dossier. Asked inside the transaction that stores it.

    Its content is the newest: that message again. It is an older one's, and tells the moment that the older told: that message again, read
    once more. Else it returns.
    """
    submission = letter.submission
    if submission.thing is None or letter.canonical is None:
        return letter
    thing = submission.thing
    mine = _NAME.fullmatch(submission.source_id.removeprefix(thing))
    if mine is None:
        raise ValueError(f"{submission.source_id}: not the name of a content of {thing}")
    told = [
        (when, found)
        for source_id, when in tellings(connection, source, letter.said.dossier, thing)
        if (found := _NAME.fullmatch(source_id.removeprefix(thing))) is not None
    ]
    before = [(when, found[1]) for when, found in told if found[2] == mine[2]]
    if not before:
        return letter
    newest, last = sorted(told, key=lambda row: row[0])[-1]  # of one moment, the one that was stored last
    if last[2] == mine[2]:
        name = last[1]
    else:
        once_more = [name for when, name in before if when == letter.event_time and when < newest]
        name = once_more[-1] if once_more else f"{mine[2]}~{_digest(thing + last[1])}"
    renamed = replace(submission, source_id=f"{thing}{name}{mine[3] or ''}")
    return replace(letter, submission=renamed)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]
