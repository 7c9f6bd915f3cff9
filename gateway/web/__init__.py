"""The front door: REST, hooks, public file links, health. `create_app` makes it, `serve.run` serves it."""
