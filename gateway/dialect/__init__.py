"""What the connectors that an operator sets up by a file alone have in common: how a partner's dialect is written down as data.

`row` (a table of the file) · `pointers`, `trees` (places in JSON and XML) · `template` (texts with fields) · `unwrap` (documents inside
documents) · `auth` (how we prove who we are) · `calling` (a REST call) · `reading` (what an answer says) · `asking` (did it arrive?) ·
`taking` (messages in what they send) · `polling` (a feed) · `hooks` (they call us).
"""
