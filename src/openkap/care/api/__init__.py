"""The JSON API and the FHIR door."""
