"""Mappings: one folder per translation, data beside its samples; `mappings.engine` reads them."""
