"""Where in the image a model's answer comes from: response maps, and how far two of them agree.

A method is a frozen value of settings with `respond`, readable without torch; adding one is one
file and one entry in `registry.py`.
"""
