"""The report of an audit: one content, written as HTML, PDF, JSON and CSV.

`content.py` says what is in it, as blocks without any format; `html.py` and `pdf.py` lay them out.
`building.py` writes all of them, whole or not at all. No torch.
"""
