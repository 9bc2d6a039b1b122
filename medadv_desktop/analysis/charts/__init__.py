"""Charts as values, and how a file is made of one.

`values.py` says what is in a chart: no plotting library is needed to make one, to read it as a
table, or to draw it in the window. `drawing.py` makes SVG, PNG and PDF of it with matplotlib.
"""
