"""Rating scales sent, answered, scored and followed."""
