"""The sign-on's own addresses: what programs ask (under /.well-known and /sso) and the pages people see."""
