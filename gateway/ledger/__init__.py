"""The ledger: all facts, written once, with unique keys. The only place that speaks SQL."""

from gateway.ledger import signon  # its tables belong to the schema, whoever asks for that
from gateway.ledger.opening import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger", "signon"]
