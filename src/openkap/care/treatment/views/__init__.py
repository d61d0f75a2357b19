"""Pages and acts of treatment over HTTP; no view here imports models."""
