"""Code lists with effective dates. `lists` reads them, `changes` plans an import and writes it."""

from gateway.codes.lists import CodeList, CsvCodes, Row, clashes, key_of, read_day, scan

__all__ = ["CodeList", "CsvCodes", "Row", "clashes", "key_of", "read_day", "scan"]
