"""Sign-on, shared by every system behind the gateway. Nothing is here yet.

Two halves will live here: upstream, a relying party of the national identity provider; downstream, an OpenID
provider under ``/sso`` for the province's own systems. Neither knows anything of messages or dossiers.
"""
