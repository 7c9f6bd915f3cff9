"""Sign-on, shared by every system behind the gateway: upstream a relying party of the national provider and of the staff's, downstream an
OpenID provider under ``/sso``. It knows nothing of messages or dossiers, and no database: see `sso.store`.
"""
