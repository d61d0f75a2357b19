"""The command line: one module a verb group, imported only when its verb is called."""
