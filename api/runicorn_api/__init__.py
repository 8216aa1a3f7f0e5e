"""The REST API over a `runicorn_db` store: `create_app` makes the application, `Server` serves it."""
