"""A corruption run as if it were an attack on one image."""

from __future__ import annotations

import pytest

from medadv_desktop.audit.corrupted_image import CorruptedImage
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.requests import AttackRequest
from medadv_desktop.corruptions.registry import make_corruption
from medadv_desktop.imaging.reading import read_frame


def test_that_it_gives_the_image_that_an_audit_judges(write_model, grey_png):
    import torch

    attack = CorruptedImage(kind="gaussian-noise", severity=4)
    request = AttackRequest(
        str(write_model()), read_frame(grey_png), attack, labels=(0,), seed=3, sample_id=77
    )
    outcome = Engine("cpu").run(request)
    original = torch.from_numpy(outcome.original)[None]
    corruption = make_corruption("gaussian-noise", {"severity": 4})
    expected = corruption.apply(original, seed=3, sample_ids=[77])[0].numpy()
    # As it is judged and saved: on the grid of a 16-bit image.
    assert abs(outcome.adversarial - expected).max() <= 1 / GRID
    assert abs(outcome.perturbation).max() > 0.01
    assert outcome.success == bool(outcome.attacked.decisions.argmax() != 0)


@pytest.mark.parametrize("severity", [0, 6])
def test_that_a_severity_beyond_five_steps_is_refused(severity):
    with pytest.raises(ValueError, match="severity"):
        CorruptedImage(kind="gaussian-noise", severity=severity)
