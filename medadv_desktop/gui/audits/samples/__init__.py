"""The samples of a cell: a table of any length, and opening one of them in the viewers."""
