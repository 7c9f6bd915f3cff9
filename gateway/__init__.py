"""Lienthong: an integration gateway for public administration in Viet Nam.

The spine lives here. It knows no partner and no partner's format: connectors and mappings are found by name.
"""

__version__ = "0.1.0"
