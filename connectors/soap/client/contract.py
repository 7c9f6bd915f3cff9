"""A partner's contract: its WSDL and schemas, shipped beside the partner file, read once by zeep and never fetched.

zeep takes the contract apart (imports, extensions, groups, messages, bindings); what a call needs of it is kept here as plain shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lxml import etree
from zeep import exceptions
from zeep.settings import Settings
from zeep.wsdl import Document
from zeep.wsdl.bindings import Soap12Binding
from zeep.wsdl.bindings.soap import SoapBinding
from zeep.xsd import AnySimpleType, ComplexType, Element
from zeep.xsd.elements import Any as AnyElement
from zeep.xsd.elements import Attribute, Group
from zeep.xsd.elements.indicators import OrderIndicator
from zeep.xsd.types import builtins

from connectors.soap.client.facets import Facets
from connectors.soap.client.schema import Schema, SchemaWrong, compile_schema
from connectors.soap.client.shapes import ANYTHING, Field, Shape
from gateway.errors import Misconfigured, Refused
from gateway.soap.names import SOAP11, SOAP12, Version
from gateway.xml import read_xml

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_STRICT = Settings(strict=True, xml_huge_tree=False, forbid_dtd=True, forbid_entities=True, forbid_external=True)
_SAMPLES = (
    (builtins.Boolean, "true"),
    (builtins.DateTime, "2026-01-05T08:00:00+07:00"),
    (builtins.Date, "2026-01-05"),
    (builtins.Time, "08:00:00"),
    (builtins.PositiveInteger, "1"),
    ((builtins.Decimal, builtins.Float, builtins.Double), "0"),
    (builtins.String, "–"),
)
_TYPES: Sequence[tuple[Any, Mapping[str, Any]]] = (
    (builtins.Boolean, {"type": "boolean"}),
    (builtins.DateTime, {"type": "string", "format": "date-time"}),
    (builtins.Date, {"type": "string", "format": "date"}),
    (builtins.Time, {"type": "string", "format": "time"}),
    (builtins.Integer, {"type": "integer"}),
    ((builtins.Decimal, builtins.Float, builtins.Double), {"type": "number"}),
    (AnySimpleType, {"type": "string"}),
)
_MOST_BYTES = 16 << 20  # of one file


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation at one port. `question` and `answer` are the elements in the Body; None: the Body is empty.

    `answers`: the local names that the answer's element may have. Of rpc it is named as the message, as zeep has it, or as WS-I R2729 wants it.
    `action` is the SOAPAction, `addressing` the wsa:Action. `encoded`: rpc/encoded, whose body cannot be made from JSON. `schema` checks the
    question; None: it is not to be checked, or no schema declares it.
    """

    name: str
    port: str
    version: Version
    action: str
    addressing: str
    question: Field | None
    answer: Field | None
    answers: Sequence[str]
    encoded: bool
    prefixes: Mapping[str, str]
    schema: Schema | None


class Contract:
    """The operations of one WSDL. Immutable after it was read."""

    def __init__(self, file: Path, root: Path, *, validate: bool = True) -> None:
        """`file` is the WSDL; it and all that it imports lie under `root`. Raises `Misconfigured`."""
        shipped = _Files(root)
        try:
            document: Any = Document(str(file.resolve()), cast(Any, shipped), settings=_STRICT)
        except exceptions.ExternalReferenceForbidden as error:
            raise Misconfigured(f"{file}: {_outside(error)}") from error
        except (exceptions.Error, etree.Error, LookupError, ValueError, AttributeError, TypeError) as error:
            # zeep reports a broken contract in whatever way it stumbles over it
            raise Misconfigured(f"{file}: không đọc được WSDL · the WSDL cannot be read: {error!r:.500}") from error
        self._file = file
        self._shapes: dict[int, Shape] = {}
        self._facets = Facets(shipped.documents.values())
        self._encoded = set(_encoded(shipped.documents.values()))
        self._ports: dict[str, Any] = {
            port.name: port.binding
            for service in document.services.values()
            for port in service.ports.values()
            if isinstance(port.binding, SoapBinding)
        }
        self.files = [Path(path) for path in shipped.documents]
        self.address = _address(document)
        if not self._ports:
            raise Misconfigured(f"{file}: không có cổng SOAP nào · there is no port with a SOAP binding in it")
        self.schema = self._schema(shipped, document) if validate else None

    def operations(self, port: str) -> Sequence[str]:
        """The operations of a port."""
        return list(self._ports[port].all())

    def operation(self, name: str, port: str | None = None) -> Operation:
        """By name, at `port`; without one at the only port, or at the only one of SOAP 1.1. Raises `Misconfigured`."""
        chosen = port or self.usual_port()
        binding = self._ports.get(chosen)
        if binding is None:
            known = ", ".join(self._ports)
            raise Misconfigured(f"{self._file}: không có cổng · there is no port {chosen!r}; có · known: {known}")
        found = binding.all().get(name)
        if found is None:
            known = ", ".join(binding.all())
            raise Misconfigured(
                f"{self._file}: cổng {chosen} không có thao tác · the port has no operation {name!r}; có · known: {known}"
            )
        question, answer = (self._body(message) for message in (found.input, found.output))
        answers = [f"{name}Response"] if found.style == "rpc" else []
        answers += [etree.QName(answer.tag).localname] if answer is not None else []
        encoded = (binding.name.localname, name) in self._encoded
        declared = not encoded and (found.style == "rpc" or getattr(found.input.body, "is_global", False))
        return Operation(
            name, chosen, SOAP12 if isinstance(binding, Soap12Binding) else SOAP11, found.soapaction or "",
            self._addressing(found), question, answer, answers, encoded, _prefixes(question), self.schema if declared else None,
        )  # fmt: skip

    @property
    def ports(self) -> Sequence[str]:
        """Those among which one must choose: only one where there is only one, or only one of SOAP 1.1."""
        older = [name for name, binding in self._ports.items() if not isinstance(binding, Soap12Binding)]
        return older if len(older) == 1 else list(self._ports)

    def usual_port(self) -> str:
        """The only one there is to choose. Raises `Misconfigured`."""
        if len(self.ports) == 1:
            return self.ports[0]
        raise Misconfigured(
            f"{self._file}: có nhiều cổng, hãy chọn · there are several ports, name one: {', '.join(self._ports)}"
        )

    def _addressing(self, found: Any) -> str:
        """wsa:Action: what the WSDL says, else the SOAPAction, else the default of WS-Addressing 1.0 Metadata, 4.4.4."""
        space = found.abstract.input_message.name.namespace if found.abstract.input_message else ""
        mark = ":" if space.startswith("urn:") else "/"
        port_type = found.binding.port_type.name.localname
        default = mark.join([space.rstrip(mark), port_type, f"{found.name}Request"])
        return str(found.abstract.wsa_action or found.soapaction or default)

    # ── what zeep knows, as shapes ──────────────────────────────────────────────────────────────────────────────

    def _body(self, message: Any) -> Field | None:
        body = getattr(message, "body", None)
        if body is not None and message._is_body_wrapped:
            raise Misconfigured(
                f"{self._file}: {message.operation.name}: nhiều phần trong Body · several parts in one Body (WS-I R2201)"
            )
        return None if body is None else self._field(body, many=False)

    def _field(self, element: Any, *, many: bool) -> Field:
        shape = self._shape(element.type)
        several = many or bool(element.accepts_multiple)
        return Field(element.qname.text, shape, several, bool(element.nillable), not element.is_optional)

    def _shape(self, kind: Any) -> Shape:
        known = self._shapes.get(id(kind))
        if known is not None:
            return known
        if isinstance(kind, AnySimpleType):
            made = Shape(text=True, sample=_sample(kind), told=self._told(kind))
        elif not isinstance(kind, ComplexType) or kind._array_type:  # xsd:anyType, or an array of the SOAP encoding
            made = ANYTHING
        else:
            made = Shape()
        self._shapes[id(kind)] = made  # before its fields: a type may hold itself
        if isinstance(kind, ComplexType) and made is not ANYTHING:
            self._fill(made, kind)
        return made

    def _fill(self, shape: Shape, kind: Any) -> None:
        for attribute in kind._attributes_unwrapped:
            if isinstance(attribute, Attribute) and attribute.qname is not None:
                shape.attributes[f"@{attribute.qname.localname}"] = attribute.qname.text
        inside = kind._element
        if isinstance(inside, Element) and isinstance(inside.type, AnySimpleType):  # simple content
            shape.text, shape.sample, shape.told = True, _sample(inside.type), self._told(inside.type)
            return
        for particle, many in _particles(inside, False):
            if isinstance(particle, AnyElement):
                shape.open = True
                continue
            made = self._field(particle, many=many)
            made.told = self._facets.of_element(kind.qname.text if kind.qname else "", particle.qname.localname)
            known = shape.fields.setdefault(particle.qname.localname, made)
            if known.tag != made.tag:
                raise Misconfigured(
                    f"{self._file}: {known.tag} và · and {made.tag} stand in one type under one name: dùng map.xsl · use a map.xsl"
                )
            known.many |= known is not made or made.many  # declared twice: it may come twice

    def _told(self, kind: Any) -> Mapping[str, Any]:
        told = next(told for known, told in _TYPES if isinstance(kind, known))
        return {**told, **(self._facets.of_type(kind.qname.text) if kind.qname else {})}

    def _schema(self, shipped: _Files, document: Any) -> Schema:
        wrappers = [wrapper for binding in self._ports.values() for wrapper in _wrappers(binding)]
        try:
            return compile_schema(shipped.documents, wrappers)
        except SchemaWrong as wrong:
            raise Misconfigured(
                f"{self._file}: lược đồ không dùng được · its schemas do not compile: {wrong}; sửa tệp, hoặc đặt "
                "validate = false · mend the file, or set validate = false"
            ) from wrong


class _Files:
    """What zeep calls its transport: it reads files below one folder, and has no network."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.documents: dict[str, etree._Element] = {}

    def load(self, url: str) -> bytes:
        """The bytes of a shipped file. Raises `Misconfigured`."""
        path = Path(url).resolve()
        if "://" in url or not path.is_relative_to(self._root):
            raise Misconfigured(f"{url}: nằm ngoài thư mục cấu hình · lies outside the configuration folder")
        try:
            data = path.read_bytes()
            # Toolkits put <?xml-stylesheet?> and their own marks into what they write.
            self.documents[str(path)] = read_xml(data, max_bytes=_MOST_BYTES, drop_instructions=True)
        except OSError as error:
            raise Misconfigured(f"{path}: không đọc được · cannot be read: {error.strerror}") from error
        except Refused as refused:
            raise Misconfigured(f"{path}: {refused.faults[0].detail} · {refused.faults[0].detail_en}") from refused
        return data


def _address(document: Any) -> str:
    """Where the contract says that the first port is; empty when it does not say."""
    ports = [port for service in document.services.values() for port in service.ports.values()]
    return next((str(address) for port in ports if (address := port.binding_options.get("address"))), "")


def _sample(kind: Any) -> str:
    return next((text for known, text in _SAMPLES if isinstance(kind, known)), "")


def _particles(node: Any, many: bool) -> Iterator[tuple[Any, bool]]:
    """The elements of a type, in order, through sequences, choices and groups; and whether they may repeat."""
    if isinstance(node, Element | AnyElement):
        yield node, many
    elif isinstance(node, Group):
        yield from _particles(node.child, many or bool(node.accepts_multiple))
    elif isinstance(node, OrderIndicator):
        for child in node:
            yield from _particles(child, many or bool(node.accepts_multiple))


def _wrappers(binding: Any) -> Iterator[tuple[str, str, Sequence[tuple[str, str]]]]:
    """The elements around the parts of rpc messages, which no schema declares: namespace, name, (part, type) of each."""
    for operation in binding.all().values():
        body = getattr(operation.input, "body", None)
        if operation.style == "rpc" and body is not None:
            parts = [(e.qname.localname, e.type.qname) for e, _ in _particles(body.type._element, False)]
            if all(kind is not None for _, kind in parts):
                yield body.qname.namespace or "", body.qname.localname, [(name, kind.text) for name, kind in parts]


def _encoded(documents: Any) -> Iterator[tuple[str, str]]:
    """(binding, operation) of everything declared rpc/encoded."""
    for root in documents:
        for binding in root.iter(f"{{{_WSDL}}}binding"):
            for operation in binding.iter(f"{{{_WSDL}}}operation"):
                if operation.xpath("boolean(*/*[local-name() = 'body' and @use = 'encoded'])"):
                    yield binding.get("name", ""), operation.get("name", "")


def _prefixes(one: Field | None) -> Mapping[str, str]:
    """A prefix for each namespace of a body, so that its elements are written without declarations of their own."""
    spaces: dict[str, None] = {}
    seen: set[int] = set()

    def look(field: Field) -> None:
        if space := etree.QName(field.tag).namespace:
            spaces.setdefault(space)
        if id(field.shape) not in seen:
            seen.add(id(field.shape))
            for inside in field.shape.fields.values():
                look(inside)

    if one is not None:
        look(one)
    return {f"n{number}": space for number, space in enumerate(spaces)}


def _outside(error: Any) -> str:
    return f"nhập từ mạng: để tệp bên cạnh · imports from the network: ship the file beside it: {error}"
