"""MedAdv Desktop: how diagnostic image models break under adversarial attack, offline.

Research and quality assurance; not for diagnosis.
"""

__version__ = "0.1.0"

NOT_FOR_DIAGNOSIS = "Research and quality assurance; not for diagnosis"
