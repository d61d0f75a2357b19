"""The shared kernel: quantities, codings, three-valued truth, sources, content, time, errors."""
