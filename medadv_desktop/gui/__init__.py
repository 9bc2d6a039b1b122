"""The window. Importing it loads Qt but never torch, which only the compute thread loads.

state/ holds what the window knows (QObjects with typed signals, no widgets), viewers/ and docks/
show and edit it, controller.py turns wishes into requests, bridge.py carries them to the compute
thread and the answers back. Adding a dock: one file and one entry in docks/__init__.py.
"""
