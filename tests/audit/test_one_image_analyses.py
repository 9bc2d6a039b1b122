"""Analyses of one image as the engine answers them, against the analyses themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from medadv_desktop.analysis.perturbation.visibility import Display
from medadv_desktop.analysis.response.activation_maps import GradCam
from medadv_desktop.analysis.response.attributions import IntegratedGradients
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.audit.analysis_requests import (
    AlongRequest,
    ExplainRequest,
    LayerCurveRequest,
    LayerMapsRequest,
    PerturbationRequest,
    View,
    views_of,
)
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.requests import AttackOutcome, AttackRequest
from medadv_desktop.errors import AnalysisError
from medadv_desktop.imaging.display import default_voi
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.jobs import Event, Partial

WriteModel = Callable[..., Path]


def attacked(
    write_model: WriteModel, picture: Path, **other: object
) -> tuple[Engine, AttackOutcome, list[Event]]:
    engine, events = Engine("cpu"), []
    second = str(write_model("second", seed=1, **other)) if other else ""
    request = AttackRequest(
        str(write_model()),
        read_frame(picture),
        PGD(epsilon=16 / 255, steps=6, stop_when_beaten=False),
        second_model=second,
    )
    outcome = engine.run(request, events.append)
    assert isinstance(outcome, AttackOutcome)
    return engine, outcome, events


def test_that_views_are_explained_about_one_class_and_compared(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, outcome, _ = attacked(write_model, grey_png)
    mask = np.zeros((40, 48), np.bool_)
    mask[:20] = True
    frame = outcome.request.frame
    request = ExplainRequest(views_of(outcome), GradCam(), mask=mask, frame_shape=frame.shape)
    found = engine.run(request)
    clean, adversarial = found.views
    predicted = int(outcome.clean.probabilities.argmax())
    assert (clean.target, adversarial.target) == (predicted, predicted)
    model = engine.model(outcome.request.model)
    with torch.no_grad():
        logits = model(torch.from_numpy(outcome.adversarial)[None])[0]
    assert adversarial.score == pytest.approx(float(logits[predicted]), rel=1e-5)
    again = GradCam().run(model, torch.from_numpy(outcome.original)[None], [predicted])
    np.testing.assert_array_equal(clean.response, again.maps[0])
    assert clean.layer == again.layer
    assert (clean.mask == np.repeat([True, False], 16)[:, None]).all()
    strength = np.abs(clean.response).astype(np.float64)
    assert clean.inside.share == pytest.approx(strength[:16].sum() / strength.sum())
    assert [(o.first, o.second) for o in found.overlaps] == [("clean", "adversarial")]
    assert found.overlaps[0].overlap.iou is not None


def test_that_another_models_classes_go_by_name_and_other_sizes_are_told(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, outcome, _ = attacked(write_model, grey_png, classes=("melanoma", "naevus"), side=24)
    views = views_of(outcome)
    assert [v.name for v in views] == ["clean", "adversarial", "second clean", "second adversarial"]
    found = engine.run(ExplainRequest(views, IntegratedGradients(steps=8), target=0))
    assert [v.target for v in found.views] == [0, 0, 1, 1]
    assert all(abs(v.unexplained) < 1 for v in found.views)
    compared = {(o.first, o.second): o for o in found.overlaps}
    assert compared["second clean", "second adversarial"].overlap is not None
    assert "24×24" in compared["clean", "second clean"].reason
    own = engine.run(ExplainRequest(views, IntegratedGradients(steps=2), target="own"))
    assert [v.target for v in own.views] == [int(v.prediction.logits.argmax()) for v in own.views]


def test_that_a_mask_of_another_size_is_told_and_the_rest_works(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, outcome, _ = attacked(write_model, grey_png)
    frame = outcome.request.frame
    request = ExplainRequest(
        views_of(outcome), GradCam(), mask=np.ones((9, 9), np.bool_), frame_shape=frame.shape
    )
    found = engine.run(request)
    assert all(v.inside is None and "9×9" in v.notes[-1] for v in found.views)
    assert found.overlaps[0].overlap is not None


def test_that_a_view_may_name_its_own_layer(write_model: WriteModel, grey_png: Path) -> None:
    engine, outcome, _ = attacked(write_model, grey_png)
    view = View("clean", outcome.request.model, outcome.original, outcome.plan, layer="stem.0")
    assert engine.run(ExplainRequest((view,), GradCam())).views[0].layer == "stem.0"


def test_that_classes_that_do_not_exist_are_refused(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, outcome, _ = attacked(write_model, grey_png, classes=("naevus", "other"))
    with pytest.raises(AnalysisError, match="no class 7"):
        engine.run(ExplainRequest(views_of(outcome), GradCam(), target=7))
    with pytest.raises(AnalysisError, match="does not know melanoma"):
        engine.run(ExplainRequest(views_of(outcome), GradCam(), target=1))
    with pytest.raises(AnalysisError, match="nothing to explain"):
        engine.run(ExplainRequest((), GradCam()))


def test_that_layers_are_read_along_the_network_and_one_by_one(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, outcome, _ = attacked(write_model, grey_png)
    name = outcome.request.model
    curve = engine.run(LayerCurveRequest(name, outcome.original, outcome.adversarial)).curve
    at = curve.layers.index("stem.0")
    maps = engine.run(
        LayerMapsRequest(name, "stem.0", outcome.original, outcome.adversarial, 2)
    ).maps
    assert len(maps.original) == 2
    assert maps.distance == pytest.approx(curve.distances[at, 0], rel=1e-5)


def test_that_a_perturbation_is_judged_through_the_window_on_the_display(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, outcome, _ = attacked(write_model, grey_png)
    voi = default_voi(outcome.request.frame)
    found = engine.run(PerturbationRequest(outcome, voi, Display(luminance_max=350)))
    assert found.perturbation.norms.linf == pytest.approx(outcome.linf)
    # An 8-bit file in full range: model input times 255 is the display value.
    expected = outcome.perturbation[0].astype(np.float64) * Display(luminance_max=350).steps
    np.testing.assert_allclose(found.visibility.jnds, expected, atol=1e-3)


def test_that_the_way_of_an_attack_is_what_its_objective_saw(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, outcome, events = attacked(write_model, grey_png)
    previews = [e.value for e in events if isinstance(e, Partial)]
    images = tuple(p.adversarial for p in previews)
    found = engine.run(AlongRequest(outcome, images, tuple(p.step for p in previews))).way
    model = engine.model(outcome.request.model)
    with torch.no_grad():
        logits = model(torch.from_numpy(np.stack(images)))
    labels = torch.full((len(images),), outcome.reference[0])
    expected = F.cross_entropy(logits.double(), labels, reduction="none")
    np.testing.assert_allclose(found.loss, expected, rtol=1e-4, atol=1e-6)
    assert found.distances.shape == (len(found.layers), len(images))
    assert (np.diff(found.steps) > 0).all()
