"""`lienthong web`: the front door alone."""
