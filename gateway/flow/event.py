"""An agency's message from its inbox queue: a CloudEvent in AMQP, read strictly, with every fault of its attributes and its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.canonical.cloudevents import PREFIXES, STRUCTURED, event_type, kind_of, read_headers
from gateway.errors import BadRequest, BodyTooLarge, Fault, Forbidden, Refused, UnsupportedType
from gateway.flow.strict import parse
from gateway.flow.trace import good_trace
from gateway.flow.validate import shape_faults
from gateway.ports import Arrival, Submission

STRUCTURED_JSON = f"{STRUCTURED}+json"
_REQUIRED = ("specversion", "id", "source", "type")
_MOST_ID = 255  # bytes; AMQP writes an id's length into one byte


def read_event(arrival: Arrival, partner: str, most: int) -> Submission:
    """What the agency submits. Its event's id is the message's id and its event's type names the message's type, both of which the data
    may leave out. Pointers are into the data; a fault of an attribute points to its header. Raises `Refused` and its kin.

    `most`: bytes of a body.
    """
    if arrival.user is not None and arrival.user != partner:
        words = f"người gửi {arrival.user!a} không phải {partner}", f"the sender {arrival.user!a} is not {partner}"
        raise Forbidden.of("", "other-user", *words)
    if len(arrival.body) > most:
        raise BodyTooLarge.than(most)
    structured = _is_structured(arrival)
    attributes, data = _structured(arrival) if structured else _binary(arrival)
    media_type = STRUCTURED_JSON if structured else "application/json"  # what came may hold what no database takes
    faults = _attribute_faults(attributes)
    if faults:
        raise BadRequest(faults)
    kind, given = kind_of(attributes["type"]) or "", attributes["id"]
    trace = good_trace(attributes.get("traceparent"))
    if not isinstance(data, dict):
        return Submission(given, data, arrival.body, media_type, trace=trace)
    own = [
        _differs(name, header, wanted)
        for name, header, wanted in (("type", "type", kind), ("id", "id", given))
        if data.get(name, wanted) != wanted
    ]
    body = {**data, "type": kind, "id": given}
    if own:
        raise Refused([*own, *shape_faults(body)])
    return Submission(given, body, arrival.body, media_type, trace=trace)


def answers_to(arrival: Arrival) -> str | None:
    """What the answer names as its cause: the AMQP message id, else the event's id if one can be found and carried."""
    if arrival.id:
        return arrival.id
    try:
        found = (_structured(arrival) if _is_structured(arrival) else _binary(arrival))[0].get("id")
    except Refused:
        return None
    return found if isinstance(found, str) and 0 < len(found.encode()) <= _MOST_ID else None


def _is_structured(arrival: Arrival) -> bool:
    return arrival.content_type.lower().startswith(STRUCTURED)


def _structured(arrival: Arrival) -> tuple[Mapping[str, Any], Any]:
    """The event's format is the body's: only JSON is taken, and of that no batch."""
    _check_json(arrival.content_type, STRUCTURED_JSON)
    event = parse(arrival.body)
    if not isinstance(event, dict):
        raise BadRequest.of("", "not-an-event", "phải là một đối tượng JSON", "must be a JSON object")
    if "data" not in event:
        raise BadRequest.of("", "no-data", "sự kiện không có data (JSON)", "the event has no data (as JSON)")
    return {name: value for name, value in event.items() if name != "data"}, event["data"]


def _binary(arrival: Arrival) -> tuple[Mapping[str, Any], Any]:
    attributes = read_headers(arrival.headers)
    if all(any(name.startswith(p) for name in arrival.headers) for p in PREFIXES):
        words = (
            "tiêu đề viết bằng hai kiểu cloudEvents_ và cloudEvents:",
            "headers in both spellings, cloudEvents_ and cloudEvents:",
        )
        raise BadRequest.of("", "two-spellings", *words)
    if not attributes:
        words = (
            "không phải CloudEvent: không có tiêu đề cloudEvents_…, cũng không phải application/cloudevents+json",
            "no CloudEvent: it has no headers cloudEvents_…, nor is it application/cloudevents+json",
        )
        raise BadRequest.of("", "not-an-event", *words)
    _check_json(arrival.content_type, "application/json")
    return attributes, parse(arrival.body)


def _check_json(content_type: str, wanted: str) -> None:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if kind != wanted:
        words = f"loại nội dung phải là {wanted}", f"the content type must be {wanted}"
    elif any(p.startswith("charset=") and p.strip('"') not in ("charset=utf-8", "charset=utf8") for p in parameters):
        words = "JSON phải ở dạng UTF-8", "JSON must be UTF-8"
    else:
        return
    raise UnsupportedType.of("", "unsupported-type", *words)


def _attribute_faults(attributes: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for name in _REQUIRED:
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            words = f"thiếu thuộc tính {name} của CloudEvent", f"the CloudEvent lacks its attribute {name}"
            faults.append(Fault(f"cloudEvents_{name}", "missing", *words))
    if attributes.get("specversion") not in (None, "1.0"):
        words = "chỉ nhận CloudEvents 1.0", "only CloudEvents 1.0 are taken"
        faults.append(Fault("cloudEvents_specversion", "specversion", *words))
    kind = attributes.get("type")
    if isinstance(kind, str) and kind and kind_of(kind) is None:
        words = f"loại sự kiện phải có dạng {event_type('<Type>')}", f"the type must read {event_type('<Type>')}"
        faults.append(Fault("cloudEvents_type", "event-type", *words))
    return faults


def _differs(name: str, header: str, wanted: str) -> Fault:
    words = (
        f"khác thuộc tính {header} của sự kiện ({wanted!a}); có thể bỏ trống",
        f"differs from the event's {header} ({wanted!a}); it may be left out",
    )
    return Fault(f"/{name}", f"{name}-differs", *words)
