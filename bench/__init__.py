"""Measurements: ratios within one run, on one machine. `lienthong bench embedded` runs them."""
