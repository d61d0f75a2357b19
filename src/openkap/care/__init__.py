"""The clinic: who may, forms, pages, rows, audit. The only room that knows Django."""
