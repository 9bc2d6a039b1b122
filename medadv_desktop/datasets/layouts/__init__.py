"""The layouts that are known: one module and one entry in `LAYOUTS` each."""

from __future__ import annotations

from medadv_desktop.datasets.layouts.aptos import APTOS
from medadv_desktop.datasets.layouts.chestxray14 import CHESTXRAY14
from medadv_desktop.datasets.layouts.class_folders import CLASS_FOLDERS
from medadv_desktop.datasets.layouts.dicom_table import DICOM_TABLE
from medadv_desktop.datasets.layouts.ham10000 import HAM10000
from medadv_desktop.datasets.layouts.isic import ISIC
from medadv_desktop.datasets.layouts.layout import Layout, Recognition
from medadv_desktop.datasets.layouts.manifest import MANIFEST
from medadv_desktop.datasets.layouts.medmnist import MEDMNIST
from medadv_desktop.datasets.layouts.messidor import MESSIDOR, MESSIDOR2

LAYOUTS: tuple[Layout, ...] = (
    MEDMNIST,
    CHESTXRAY14,
    ISIC,
    HAM10000,
    MESSIDOR,
    MESSIDOR2,
    APTOS,
    DICOM_TABLE,
    CLASS_FOLDERS,
    MANIFEST,
)

__all__ = ["LAYOUTS", "Layout", "Recognition"]
