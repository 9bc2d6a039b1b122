"""A DICOM header without its patient: the Basic Application Level Confidentiality Profile.

PS3.15 E.2 and Table E.1-1, by the list in `phi`. Private elements, curves and overlays go; UIDs are
replaced, the same one always by the same one, so that studies and series stay together; what the
profile empties is emptied and what it replaces is replaced, so that no required element is lost.
"""

from __future__ import annotations

import uuid

from pydicom import Dataset
from pydicom.dataelem import DataElement

from medadv_desktop.imaging.phi import ACTIONS

METHOD = "MedAdv Desktop: DICOM PS3.15 Basic Profile"

_DUMMIES = {
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "DS": "0",
    "IS": "0",
    "FD": 0.0,
    "FL": 0.0,
}
_TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_DUMMY_TEXT = "ANONYMIZED"


def deidentify(dataset: Dataset) -> None:
    """Take patient, people, places, devices and times out of a header, in place.

    Sequences that are kept are gone through item by item. The pixels are not looked at: text burned
    into them stays (Burned In Annotation tells, where the file says).
    """
    _clean(dataset)
    dataset.PatientIdentityRemoved = "NO" if dataset.get("BurnedInAnnotation") == "YES" else "YES"
    said = dataset.get("DeidentificationMethod") or []
    methods = [said] if isinstance(said, str) else list(said)
    dataset.DeidentificationMethod = [*(m for m in methods if m != METHOD), METHOD]
    profile = Dataset()
    profile.CodeValue = "113100"
    profile.CodingSchemeDesignator = "DCM"
    profile.CodeMeaning = "Basic Application Confidentiality Profile"
    codes = [
        item
        for item in dataset.get("DeidentificationMethodCodeSequence") or []
        if item.get("CodeValue") != "113100"
    ]
    dataset.DeidentificationMethodCodeSequence = [*codes, profile]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def replaced_uid(uid: str) -> str:
    """The UID that stands for another after de-identification, always the same one.

    A name-based UUID (RFC 4122, version 5, name space of OIDs) as a UID under 2.25 (PS3.5 B.2).
    UIDs that DICOM itself defines stay.
    """
    if not uid or uid.startswith("1.2.840.10008."):
        return uid
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, uid).int}"


def _clean(dataset: Dataset) -> None:
    for tag in list(dataset.keys()):
        if tag.is_private or 0x5000 <= tag.group <= 0x50FF or 0x6000 <= tag.group <= 0x60FF:
            del dataset[tag]
            continue
        element = dataset[tag]
        action = ACTIONS.get(int(tag), "")
        if action:
            _apply(dataset, element, action)
        if element.VR == "SQ" and tag in dataset:
            for item in element.value:
                _clean(item)


def _apply(dataset: Dataset, element: DataElement, action: str) -> None:
    if "U" in action:
        if element.VR == "UI" and element.value:
            several = not isinstance(element.value, str)
            uids = [replaced_uid(str(u)) for u in (element.value if several else [element.value])]
            element.value = uids if several else uids[0]
        return
    if "D" in action and element.VR != "SQ" and not element.is_empty:
        if element.VR in _DUMMIES or element.VR in _TEXTS:
            element.value = _DUMMIES.get(element.VR, _DUMMY_TEXT)
            return
    elif element.VR == "SQ":
        # Where both are allowed: only this one is ever required, and then may be empty.
        if element.keyword == "AcquisitionContextSequence":
            element.value = []
            return
    elif "Z" in action or "D" in action:
        element.value = None
        return
    del dataset[element.tag]
