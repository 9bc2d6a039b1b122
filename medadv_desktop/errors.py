"""The one hierarchy of errors a user ever reads.

A message says what is affected, what is wrong with it and what to do about it. Cancellation is no
error: see `medadv_desktop.jobs.JobCancelled`.
"""

from __future__ import annotations


class MedAdvError(Exception):
    """Something a user can understand and usually mend.

    Attributes:
        subject: the file, field, sample or layer concerned; "" where there is none.
        reason: what is wrong, one sentence without a full stop.
        remedy: what to do, one sentence without a full stop; "" where nothing can be done.
    """

    def __init__(self, reason: str, *, subject: object = "", remedy: str = "") -> None:
        self.subject = str(subject)
        self.reason = reason
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.subject}: {self.reason}" if self.subject else self.reason
        return f"{text}. {self.remedy}." if self.remedy else f"{text}."

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.reason, self.subject, self.remedy))


def _rebuild(kind: type[MedAdvError], reason: str, subject: str, remedy: str) -> MedAdvError:
    return kind(reason, subject=subject, remedy=remedy)


class ImageError(MedAdvError):
    """A file that should hold pixels cannot be read as an image."""


class NotAnImageError(ImageError):
    """A file whose content is of no kind that this program reads: a text, an archive, a program."""


class NoPixelsError(ImageError):
    """A readable DICOM object that holds no pixels (a report, a PDF, a presentation state)."""


class SettingsError(MedAdvError):
    """A value outside what its field allows: the subject names the field."""


class ModelError(MedAdvError):
    """A model file, card or network that cannot be used as a diagnostic model."""


class DatasetError(MedAdvError):
    """A folder, table or archive that cannot be read as a labelled set."""


class AttackError(MedAdvError):
    """An attack that does not fit the model, the labels or the images it was given."""


class PlanError(MedAdvError):
    """An audit plan that cannot be read or contradicts itself."""


class AuditError(MedAdvError):
    """An audit's folder or store that cannot be used as one."""


class RecipeError(MedAdvError):
    """A training recipe that cannot be read or contradicts itself."""


class TrainingError(MedAdvError):
    """A training that cannot begin, go on or be trusted any more."""


class CorruptionError(MedAdvError):
    """Images that cannot be corrupted, or decisions over them that cannot be counted."""


class AnalysisError(MedAdvError):
    """An analysis that the model, the layer or the image it was asked of does not allow."""


class DeviceError(MedAdvError):
    """The compute device is missing, busy or out of memory."""


class ExportError(MedAdvError):
    """A result could not be written."""
