"""Contracts read by the `soap` connector: WSDLs that were not written here, what zeep would write, and what is refused."""

from __future__ import annotations

import socket
import threading
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from zeep.settings import Settings as ZeepSettings
from zeep.wsdl import Document

from connectors.soap.client import Contract, content_of
from connectors.soap.client.shapes import read
from connectors.soap.description import describe
from gateway.errors import Misconfigured, Refused
from tests.department import EXAMPLE

FOREIGN = Path(__file__).resolve().parents[1] / "foreign/wsdl"
SER = "http://schemas.datacontract.org/2004/07/CoQuan.Models"
PAPERS_THERE = {"TaiLieuModel": [{"Loai": "BanSao", "Ten": "x"}, {"Ten": "y"}]}
NESTED = {"MaHoSo": "a", "TaiLieu": PAPERS_THERE, "HoSoCha": {"MaHoSo": "b", "NhanKhauThuongTru": 2}}
GUID = "00000000-0000-0000-0000-000000000000"


def contract(name: str, folder: Path = FOREIGN, **more: Any) -> Contract:
    return Contract(folder / name, folder, **more)


CONTRACTS = {name: contract(name) for name in ("calculator.wsdl", "wcf.wsdl", "jaxws.wsdl")}
HERE = contract("HoSo.wsdl", EXAMPLE)


class NoNetwork:
    """A transport of zeep's that reads files."""

    def load(self, url: str) -> bytes:
        return Path(url).read_bytes()


@cache
def zeeps(file: Path, port: str, operation: str) -> Any:
    loaded: Any = Document(str(file), NoNetwork(), settings=ZeepSettings())  # type: ignore[arg-type]
    [binding] = [p.binding for s in loaded.services.values() for name, p in s.ports.items() if name == port]
    return binding.get(operation)


def as_zeep_writes(file: Path, port: str, operation: str, document: Any) -> Any:
    return plain(zeeps(file, port, operation).create(**document).content[-1][0])


def plain(element: etree._Element) -> Any:
    """The element without its prefixes: two spellings of one document are one."""
    return element.tag, dict(element.attrib), element.text or "", [plain(child) for child in element]


# ── contracts not written here ──────────────────────────────────────────────────────────────────────────────


def test_a_contract_describes_a_new_partner() -> None:
    told = describe(FOREIGN / "calculator.wsdl")
    assert told.url == "http://www.dneonline.com/calculator.asmx"
    assert (told.offers[0].name, told.offers[0].row) == ("Add", {"operation": "Add"})
    assert told.offers[0].sample == {"intA": "0", "intB": "0"}

    [offer] = describe(FOREIGN / "wcf.wsdl").offers
    assert offer.sample["hoSo"]["TaiLieu"] == {"TaiLieuModel": [{"Loai": "–", "NoiDung": "", "Ten": "–"}]}
    assert [file.name for file in describe(EXAMPLE / "HoSo.wsdl").files] == ["HoSo.wsdl", "HoSo.xsd"]


@pytest.mark.parametrize(
    ("name", "port", "operation", "document"),
    [
        ("calculator.wsdl", "CalculatorSoap", "Add", {"intA": 1, "intB": -2}),
        ("calculator.wsdl", "CalculatorSoap12", "Divide", {"intA": 4, "intB": 2}),
        ("jaxws.wsdl", "ReceiverImplPort", "receive", {"arg0": "Nguyễn & <B>", "arg1": 3}),
        ("wcf.wsdl", "BasicHttpBinding_IHoSoService", "GuiHoSo", {"hoSo": NESTED}),
    ],
)  # fmt: skip
def test_a_body_is_what_zeep_would_write(name: str, port: str, operation: str, document: Any) -> None:
    ours = content_of(CONTRACTS[name].operation(operation, port), document)

    assert ours is not None
    assert plain(ours) == as_zeep_writes(FOREIGN / name, port, operation, document)


_CARRIED = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
TEXTS = st.text(_CARRIED, min_size=1, max_size=20)
PAPERS = st.fixed_dictionaries({"Ten": TEXTS}, optional={"DuongDan": st.just("https://tep.vi-du.vn/1")})
DOSSIERS = st.fixed_dictionaries(
    {"MaBanTin": TEXTS, "MaHoSo": TEXTS, "NguoiNop": TEXTS, "NgayNop": st.just("2026-01-05T08:00:00+07:00")},
    optional={"GhiChu": TEXTS, "TaiLieu": st.lists(PAPERS, min_size=1, max_size=3)},
)


@given(DOSSIERS)
def test_what_is_written_is_what_zeep_writes_and_is_read_again_as_it_was(dossier: dict[str, Any]) -> None:
    operation = HERE.operation("NhanHoSo", "HoSoSoap")
    ours = content_of(operation, {"hoSo": dossier})

    assert ours is not None
    assert operation.question is not None
    assert read(ours, operation.question.shape) == {"hoSo": dossier}
    assert plain(ours) == as_zeep_writes(EXAMPLE / "HoSo.wsdl", "HoSoSoap", "NhanHoSo", {"hoSo": dossier})


def test_order_is_the_contracts_and_base_types_and_nil_are_written() -> None:
    operation = CONTRACTS["wcf.wsdl"].operation("GuiHoSo")
    made = content_of(operation, {"hoSo": {"MaHoSo": None, "TuKhoa": {"string": ["a", "b"]}, "Id": GUID}})

    assert made is not None
    assert [etree.QName(child).localname for child in made[0]] == ["Id", "MaHoSo", "TuKhoa"]
    assert etree.QName(made[0][2][0]).namespace == "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
    assert read(made, operation.question.shape if operation.question else None) == {  # type: ignore[arg-type]
        "hoSo": {"Id": GUID, "TuKhoa": {"string": ["a", "b"]}}
    }


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"hoSo": {"MaHoSo": "a", "Id": "không phải guid"}}, "/hoSo/Id"),
        ({"hoSo": {"MaHoSo": "a", "TaiLieu": {"TaiLieuModel": [{"Ten": "a"}, {"Loai": "BanKhac"}]}}}, "/hoSo/TaiLieu/TaiLieuModel/1/Loai"),
        ({"hoSo": {"MaHoSo": "a", "NhanKhauThuongTru": "hai"}}, "/hoSo/NhanKhauThuongTru"),
        ({"hoSo": {"TuKhoa": {"string": ["a"]}}}, "/hoSo/TuKhoa"),  # MaHoSo should stand before it
    ],
)  # fmt: skip
def test_what_no_schema_allows_is_told_by_its_place_and_without_its_value(document: Any, pointer: str) -> None:
    with pytest.raises(Refused) as refused:
        content_of(CONTRACTS["wcf.wsdl"].operation("GuiHoSo"), document)
    assert refused.value.faults[0].pointer == pointer
    assert "không phải guid" not in str(refused.value) + refused.value.faults[0].detail


def test_typed_parts_of_rpc_are_checked_too() -> None:
    with pytest.raises(Refused, match="arg1"):
        content_of(CONTRACTS["jaxws.wsdl"].operation("receive"), {"arg0": "a", "arg1": "x"})


def test_an_answer_keeps_what_the_contract_does_not_know() -> None:
    operation = CONTRACTS["wcf.wsdl"].operation("GuiHoSo")
    text = f'<r xmlns:a="{SER}"><GuiHoSoResult><a:Code>0</a:Code><Them x="1">y</Them><Them/><a:Message>ok</a:Message></GuiHoSoResult></r>'
    assert operation.answer is not None
    assert read(etree.fromstring(text), operation.answer.shape) == {
        "GuiHoSoResult": {"Code": "0", "Them": [{"@x": "1", "#text": "y"}, ""], "Message": "ok"}
    }


# ── contracts that are refused ──────────────────────────────────────────────────────────────────────────────


def changed(tmp_path: Path, old: str, new: str, name: str = "calculator.wsdl") -> Path:
    text = (FOREIGN / name).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
    return tmp_path


SCHEMA = '<s:schema elementFormDefault="qualified" targetNamespace="http://tempuri.org/">'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('<?xml version="1.0" encoding="utf-8"?>', "<!DOCTYPE a []>", "DTD"),
        ("<wsdl:types>", '<wsdl:import namespace="urn:x" location="../other.wsdl"/><wsdl:types>', "outside|cannot be read"),
        (SCHEMA, f'{SCHEMA}<s:include schemaLocation="none.xsd"/>', "none.xsd"),
        (SCHEMA, f'{SCHEMA}<s:include schemaLocation="/etc/hostname"/>', "outside"),
        ('type="s:int"', 'type="s:integr"', "calculator.wsdl"),
        ("</wsdl:definitions>", "", "XML"),
        ("soap12:binding", "soap13:binding", "calculator.wsdl"),
    ],
)  # fmt: skip
def test_a_contract_that_cannot_be_read_names_its_file(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        contract("calculator.wsdl", changed(tmp_path, old, new)).operation("Add", "CalculatorSoap12")


@pytest.mark.parametrize(
    "text",
    [
        '<s:import namespace="urn:x" schemaLocation="http://127.0.0.1:{port}/x.xsd"/>',
        '<s:include schemaLocation="http://127.0.0.1:{port}/x.xsd"/>',
        '<s:import namespace="urn:x" schemaLocation="file:///etc/hostname"/>',
    ],
)
def test_nothing_is_fetched_while_a_contract_is_read(tmp_path: Path, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        called: list[Any] = []

        def accept() -> None:
            try:
                called.append(listener.accept())
            except TimeoutError:
                return

        watch = threading.Thread(target=accept)
        watch.start()
        port = listener.getsockname()[1]
        folder = changed(tmp_path, SCHEMA, SCHEMA + text.replace("{port}", str(port)))
        with pytest.raises(Misconfigured):
            contract("calculator.wsdl", folder)
        watch.join()
        assert called == []


def test_of_several_ports_the_one_of_soap_11_is_usual_and_two_of_a_kind_must_be_chosen(tmp_path: Path) -> None:
    assert CONTRACTS["calculator.wsdl"].operation("Add").port == "CalculatorSoap"
    again = '<wsdl:port name="Khac" binding="tns:CalculatorSoap"><soap:address location="http://x.invalid/"/></wsdl:port></wsdl:service>'
    two = contract("calculator.wsdl", changed(tmp_path, "</wsdl:service>", again))
    with pytest.raises(Misconfigured, match="CalculatorSoap, CalculatorSoap12, Khac"):
        two.operation("Add")
    assert two.operation("Add", "Khac").name == "Add"


def test_an_encoded_operation_takes_a_stylesheet_only(tmp_path: Path) -> None:
    folder = changed(tmp_path, 'use="literal"', 'use="encoded"', "jaxws.wsdl")
    operation = contract("jaxws.wsdl", folder).operation("receive")
    with pytest.raises(Refused, match=r"map\.xsl"):
        content_of(operation, {"arg0": "a", "arg1": 1})

    text = '<r:receive xmlns:r="http://ws.example.com/"><arg0>a</arg0></r:receive>'
    made = content_of(operation, text)
    assert made is not None
    assert made[0].text == "a"


def test_schemas_that_do_not_compile_may_be_left_out(tmp_path: Path) -> None:
    broken = '<s:element name="Hong" type="s:int"><s:complexType/></s:element></s:schema>'
    folder = changed(tmp_path, "</s:schema>", broken)
    with pytest.raises(Misconfigured, match="validate = false"):
        contract("calculator.wsdl", folder)
    operation = contract("calculator.wsdl", folder, validate=False).operation("Add")
    assert content_of(operation, {"intA": "một"}) is not None
