"""How a refusal is told: to a program as RFC 6749 says, to a person on a page. What exactly was wrong stands in the journal only."""

from __future__ import annotations


class OAuthError(Exception):
    """An error of the protocol. `name` is the registered word; `because` is for the journal, never for the answer."""

    def __init__(
        self, name: str, because: str = "", *, status: int = 400, retry_after: int = 0, told: str = "", client: str = ""
    ) -> None:
        super().__init__(f"{name}: {because}")
        self.name = name
        self.because = because
        self.status = status
        self.retry_after = retry_after
        self.told = told  # what the answer may say of it: nothing that helps in guessing
        self.client = client


class Stopped(Exception):
    """The sign-in cannot go on; the browser gets a plain page. `because` is for the journal."""

    def __init__(
        self,
        because: str,
        *,
        status: int = 400,
        words: str = "Không thể tiếp tục đăng nhập. Hãy quay lại trang bạn bắt đầu và thử lại.",
        words_en: str = "The sign-in cannot go on. Go back to where you began and try again.",
        retry_after: int = 0,
    ) -> None:
        super().__init__(because)
        self.because = because
        self.status = status
        self.words = words
        self.words_en = words_en
        self.retry_after = retry_after


class TooMany(Exception):
    """Over a limit; `seconds` until the next try is worth while."""

    def __init__(self, name: str, seconds: int) -> None:
        super().__init__(name)
        self.name = name
        self.seconds = seconds


def invalid_client(because: str, client: str = "") -> OAuthError:
    """The same for a client that does not exist, one that is disabled, and a wrong proof."""
    return OAuthError("invalid_client", because, status=401, client=client)
