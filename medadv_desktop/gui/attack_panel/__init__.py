"""The panel "Attack": who attacks what, how, and what is to be known of the result.

`panel` puts the others together; they know the case and the controller, and not each other.
"""
