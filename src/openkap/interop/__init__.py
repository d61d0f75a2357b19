"""The words of other systems (FHIR R4, OMOP) as pure mappings, both directions."""
