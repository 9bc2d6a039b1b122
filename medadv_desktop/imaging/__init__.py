"""Pixels in and out: readers, folder scan, series, volumes, tags, display pipeline, export.

What lives here works on files and numpy arrays alone; torch and Qt are unknown. It may import
`jobs`, `errors`, `files` and `resources`. The centre is `Frame` (frame.py); `read_frame` and
`open_instance` (reading.py) make it, `render` (display.py) shows it, `scan` (scanning.py) finds
what can be read, `group` (series.py) puts it in order. Compressed pixels and volume files are
decoded in a child process (decoding.py).
"""
