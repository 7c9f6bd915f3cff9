"""The ledger: all facts, written once, with unique keys. The only place that speaks SQL."""

from gateway.ledger.opening import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger"]
