"""The wizards: dialogs that ask in steps and stop nothing. Each is a package of its own.

What all of them are made of is in `steps`.
"""
