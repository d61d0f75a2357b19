"""Django's PostgreSQL backend, with statements prepared once and connections checked without a question."""
