"""Seeded phantoms: images to see, test and demonstrate with where no data set is at hand.

Three domains: dermoscopy, fundus photographs, chest radiographs. A phantom is a function of domain,
seed and index alone (and of the labels, where they are asked for).
"""

from __future__ import annotations

from medadv_desktop.datasets.phantoms.catalogue import DOMAINS, phantom, phantoms
from medadv_desktop.datasets.phantoms.files import write_phantom
from medadv_desktop.datasets.phantoms.sample import Domain, PhantomSample

__all__ = ["DOMAINS", "Domain", "PhantomSample", "phantom", "phantoms", "write_phantom"]
