"""What single kinds of image object ask of a derived instance (PS3.3 Annex A and C.8).

As dciodvfy of dicom3tools checks it: derived instances of all kinds were put before it, and its
messages are the origin of these lists.
"""

from __future__ import annotations

from pydicom import uid

NEVER_SECONDARY = frozenset(
    uid.UID(f"1.2.840.10008.5.1.4.1.1.{end}")
    for end in (
        "2.1", "2.2",  # enhanced CT, legacy converted enhanced CT
        "4.1", "4.3", "4.4",  # enhanced MR, enhanced MR color, legacy converted enhanced MR
        "13.1.1", "13.1.2", "13.1.3",  # X-ray 3D angiographic and craniofacial, tomosynthesis
        "14.1", "14.2",  # intravascular optical coherence tomography
        "20",  # nuclear medicine
        "77.1.5.1", "77.1.5.2", "77.1.5.7",  # ophthalmic photography, en-face tomography
        "77.1.6",  # whole slide microscopy
        "128", "128.1", "130",  # PET, legacy converted enhanced PET, enhanced PET
    )
)  # fmt: skip
"""Classes whose Image Type must have PRIMARY as its second value."""

NAMES_REFERENCED_SERIES = frozenset(
    uid.UID(f"1.2.840.10008.5.1.4.1.1.{end}") for end in ("14.1", "14.2", "77.1.6")
)
"""Classes that must list the series of what they refer to (Common Instance Reference, C.12.2)."""

SINGLE_FRAME = frozenset(
    uid.UID(f"1.2.840.10008.5.1.4.1.1.{end}")
    for end in ("1", "2", "4", "6.1", "7", "128")  # CR, CT, MR, US, secondary capture, PET
)
"""Classes of one frame. Some of their files hold several all the same; a reference to one of these
would break a rule more."""

OF_MR_ACQUISITION = (
    "PulseSequenceName", "MRAcquisitionType", "EchoPulseSequence", "MultipleSpinEcho",
    "MultiPlanarExcitation", "PhaseContrast", "VelocityEncodingAcquisitionSequence",
    "TimeOfFlightContrast", "ArterialSpinLabelingContrast", "SteadyStatePulseSequence",
    "EchoPlanarPulseSequence", "SaturationRecovery", "SpectrallySelectedSuppression",
    "OversamplingPhase", "GeometryOfKSpaceTraversal", "SegmentedKSpaceTraversal",
    "RectilinearPhaseEncodeReordering", "CoverageOfKSpace", "NumberOfKSpaceTrajectories",
    "BulkMotionCompensationTechnique", "BulkMotionSignalSource",
)  # fmt: skip
"""MR Pulse Sequence and Bulk Motion Synchronization (PS3.3 C.8.13.4, C.7.6.18.3). Required of
ORIGINAL enhanced MR alone; older editions, and checkers after them, forbid them to DERIVED."""
