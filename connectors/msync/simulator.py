"""The axis' twin: token, SyncDocument, UpdateDocumentTraces. It wants every required field, in its own kinds, and each moment to exist."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.simulation import Request, Response, Twin


def _moment(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    return text


def _file(text: str) -> str:
    if not b64decode(text, validate=True):
        raise ValueError("empty")
    return text


Filled = Annotated[str, Field(pattern=r"\S")]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$"), AfterValidator(_moment)]
Maybe = Moment | Literal[""]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class File(Part):
    """`Attachmentld` is spelled with a lower-case L."""

    Attachmentld: int
    AttachmentName: Filled
    IsDeleted: bool
    Base64: Annotated[str, AfterValidator(_file)]
    IsVerified: bool


class Fee(Part):
    FeeName: Filled
    FeeType: int
    Price: int


class Paper(Part):
    PaperName: Filled
    Amount: int
    PaperType: int


class Supplementary(Part):
    SupplementaryId: int
    SendUser: Filled
    SendComment: Filled
    SendDate: Moment
    ReceivedUser: str = ""
    ReceivedComment: str = ""
    ReceivedDate: Maybe
    IsReceived: bool
    OldDateAppointed: Maybe
    NewDateAppointed: Maybe = ""


class Document(Part):
    DocTypeCode: Filled
    DocTypeName: Filled
    DocCode: Filled
    CitizenName: Filled
    CitizenInfo: str = ""
    ApplicantsId: Filled
    ApplicantsType: Literal[1, 2, 3, 4]
    Address: str = ""
    Email: str = ""
    Phone: str
    Compendium: str = ""
    DateReceived: Moment
    DateAppointed: Moment
    IsSuccess: bool
    SuccessDate: Maybe
    ApproverName: str = ""
    ApproverPosition: str = ""
    SuccessNote: str = ""
    IsReturned: bool
    ReturnedDate: Maybe
    ReturnNote: str = ""
    ReturnedType: Literal[0, 1]
    FinishedDate: Moment | None = None
    Status: Literal[1, 2]
    ProcessingOrganName: Filled
    HasSupplementary: bool
    Note: str = ""
    Attachments: list[File]
    DocFees: list[Fee] = []
    DocPapers: list[Paper] = []
    Supplementaries: list[Supplementary] = []
    OrganInchargeIdLevel1: Filled
    OrganInchargeName: Filled


class Trace(Part):
    DocumentId: Filled
    DocCode: Filled
    UserName: Filled
    UserPosition: str
    DateCreated: Moment
    Comment: str = ""
    Status: int | None = None
    OrganizationInchargeIdLevel1: Filled
    OrganizationInchargeName: Filled


class MsyncTwin(Twin):
    """Addresses: POST /token, POST /Document/SyncDocument, POST /Document/UpdateDocumentTraces.

    `settings`: client_id, client_secret, token_life in seconds. Acts: ``{"expire": true}``.
    """

    name = "msync"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        account = f"{settings.get('client_id', 'tinh-mau')}:{settings.get('client_secret', 'mat-thu')}"
        self._account = f"Basic {b64encode(account.encode()).decode()}"
        self._token_life = settings.get("token_life", 3600)
        self._tokens: dict[str, float] = {}
        self._tokens_given = 0
        self._documents: dict[str, dict[str, Any]] = {}
        self._traces: list[dict[str, Any]] = []
        self._effects: list[str] = []

    def answer(self, request: Request) -> Response:
        if (request.method, request.path) == ("POST", "/token"):
            return self._give_token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= monotonic():
            return Response(401, "Invalid Credentials")
        match (request.method, request.path):
            case "POST", "/Document/SyncDocument":
                return self._take_document(request)
            case "POST", "/Document/UpdateDocumentTraces":
                return self._take_trace(request)
        return Response(404, "404 page not found")

    def _give_token(self, request: Request) -> Response:
        if request.headers.get("authorization") != self._account or request.body != b"grant_type=client_credentials":
            return Response(401, {"error": "invalid_client"})
        self._tokens_given += 1
        token = f"token-{self._tokens_given}"
        self._tokens[token] = monotonic() + self._token_life
        return Response(body={"access_token": token, "token_type": "Bearer", "expires_in": self._token_life})

    def _take_document(self, request: Request) -> Response:
        try:
            document = Document.model_validate_json(request.body)
        except ValidationError as error:
            return _wrong(error)
        kind = "update" if document.DocCode in self._documents else "create"
        self._documents[document.DocCode] = json.loads(request.body)
        self._effects.append(f"{kind} {document.DocCode}")
        return _done("Đồng bộ hồ sơ thành công")

    def _take_trace(self, request: Request) -> Response:
        try:
            trace = Trace.model_validate_json(request.body)
        except ValidationError as error:
            return _wrong(error)
        if trace.DocCode not in self._documents:
            return Response(400, {"Status": 400, "Message": "Hồ sơ chưa được đồng bộ"})
        told = json.loads(request.body)
        if told not in self._traces:  # said again: one step
            self._traces.append(told)
        return _done("Cập nhật tiến độ thành công")

    def act(self, order: Mapping[str, Any]) -> Any:
        if order == {"expire": True}:
            return self.expire()
        return super().act(order)

    def expire(self) -> None:
        self._tokens.clear()

    def book(self) -> dict[str, Any]:
        return {
            "documents": dict(self._documents),
            "traces": list(self._traces),
            "effects": list(self._effects),
            "tokens_given": self._tokens_given,
        }


def _done(words: str) -> Response:
    return Response(body={"Status": 200, "Message": words})


def _wrong(error: ValidationError) -> Response:
    first = error.errors(include_url=False, include_input=False)[0]
    return Response(400, {"Status": 400, "Message": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"})
