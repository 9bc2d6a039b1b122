"""Labelled images in the window: what the data set wizard and the panel "Data sets" share.

`matching` says which class of a model a label is; `bars` and `strip` draw; `previews` reads; the
`librarian` does everything for the library that takes time.
"""
