"""FHIR R4: plain functions from resources to facts, and back; one module for each resource."""
