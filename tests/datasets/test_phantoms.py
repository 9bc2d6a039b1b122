"""What phantoms promise: the same numbers give the same picture, and pictures tell the truth."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from medadv_desktop.datasets.phantoms import DOMAINS, PhantomSample, phantom, phantoms
from medadv_desktop.errors import SettingsError

SMALL = 96
FINDINGS = ("cardiomegaly", "effusion", "nodule", "mass", "pneumothorax", "consolidation")


def only(finding: str) -> tuple[int, ...]:
    return tuple(int(name == finding) for name in FINDINGS)


def grey(sample: PhantomSample) -> np.ndarray:
    values = sample.pixels.astype(np.float64)
    return values.mean(axis=2) if values.ndim == 3 else values


def halved(values: np.ndarray) -> np.ndarray:
    side = len(values) // 2
    return values.reshape(side, 2, side, 2).mean(axis=(1, 3))


def test_that_the_domains_are_the_three_of_the_paper_with_their_classes():
    assert {name: (d.task, d.classes) for name, d in DOMAINS.items()} == {
        "dermoscopy": ("single-label", ("naevus", "melanoma")),
        "fundus": ("single-label", ("grade 0", "grade 1", "grade 2", "grade 3")),
        "radiograph": ("multi-label", FINDINGS),
    }


@pytest.mark.parametrize("domain", DOMAINS)
def test_that_a_phantom_is_a_function_of_seed_and_index(domain):
    first, again = phantom(domain, 3, 5, SMALL), phantom(domain, 3, 5, SMALL)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.lesion_mask, again.lesion_mask)
    assert first.labels == again.labels
    for other in (phantom(domain, 4, 5, SMALL), phantom(domain, 3, 6, SMALL)):
        assert not np.array_equal(first.pixels, other.pixels)


def test_that_a_phantom_is_the_same_in_another_process():
    program = (
        "from medadv_desktop.datasets.phantoms import phantom;"
        "import zlib; print(zlib.crc32(phantom('fundus', 2, 1, 64).pixels.tobytes()))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


@pytest.mark.parametrize("domain", DOMAINS)
def test_that_the_order_of_making_changes_nothing(domain):
    forward = [s.pixels for s in phantoms(domain, 1, 3, 64)]
    backward = [phantom(domain, 1, index, 64).pixels for index in (2, 1, 0)][::-1]
    for a, b in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("side", [32, 75, 224, 300])
@pytest.mark.parametrize(
    ("domain", "channels", "dtype", "top"),
    [
        ("dermoscopy", (3,), np.uint8, 255),
        ("fundus", (3,), np.uint8, 255),
        ("radiograph", (), np.uint16, 4095),
    ],
)
def test_that_pixels_have_the_promised_shape_type_and_range(domain, channels, dtype, top, side):
    sample = phantom(domain, 0, 1, side)
    assert sample.pixels.shape == (side, side, *channels)
    assert sample.pixels.dtype == dtype
    assert sample.pixels.max() <= top
    assert np.ptp(sample.pixels) > top / 3
    assert sample.lesion_mask.shape == (side, side)
    assert sample.lesion_mask.dtype == np.bool_


@pytest.mark.parametrize("domain", DOMAINS)
def test_that_the_anatomy_is_the_same_at_every_size(domain):
    small, large = phantom(domain, 6, 2, 160), phantom(domain, 6, 2, 320)
    assert small.labels == large.labels
    a, b = grey(small), halved(grey(large))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.985
    masks = small.lesion_mask, halved(large.lesion_mask.astype(float)) > 0.5
    overlap = (masks[0] & masks[1]).sum() / max(1, (masks[0] | masks[1]).sum())
    assert overlap > 0.8


def test_that_asking_for_labels_keeps_the_patient():
    healthy, ill = (phantom("fundus", 1, 4, 160, labels=[grade]) for grade in (0, 1))
    differing = (healthy.pixels != ill.pixels).any(axis=2)
    assert 0 < differing.mean() < 0.03
    near = np.asarray(Image.fromarray(ill.lesion_mask).resize((160, 160)))
    assert differing[near].all()


@pytest.mark.parametrize("finding", FINDINGS[1:])
def test_that_a_finding_of_the_radiograph_leaves_the_rest_of_the_image_alone(finding):
    healthy = phantom("radiograph", 1, 9, SMALL, labels=(0,) * 6)
    ill = phantom("radiograph", 1, 9, SMALL, labels=only(finding))
    change = np.abs(ill.pixels.astype(int) - healthy.pixels)
    inside = change[ill.lesion_mask].mean()
    assert inside > 200
    assert np.median(change[~ill.lesion_mask]) == 0


@pytest.mark.parametrize(
    ("finding", "denser"),
    [(name, name != "pneumothorax") for name in FINDINGS[1:]],
)
def test_that_opacities_are_brighter_and_free_air_darker_than_the_healthy_lung(finding, denser):
    for index in range(5):
        healthy = phantom("radiograph", 2, index, SMALL, labels=(0,) * 6)
        ill = phantom("radiograph", 2, index, SMALL, labels=only(finding))
        mask = ill.lesion_mask
        change = ill.pixels[mask].mean() - healthy.pixels[mask].mean()
        assert (change > 250) if denser else (change < -250)


def test_that_the_heart_of_cardiomegaly_is_wider_than_half_the_chest_and_a_normal_one_is_not():
    from medadv_desktop.datasets.phantoms.radiograph import ENLARGED_RATIO, NORMAL_RATIO

    assert NORMAL_RATIO[1] < 0.48
    assert ENLARGED_RATIO[0] > 0.55
    for index in range(5):
        sample = phantom("radiograph", 3, index, 224, labels=only("cardiomegaly"))
        below = sample.lesion_mask[120:]  # below the great vessels
        columns = np.flatnonzero(below.any(axis=0))
        wide = (columns[-1] - columns[0] + 1) / 224
        # The inner chest is 0.69 to 0.77 of the image: over half of it in any patient.
        assert wide > 0.55 * 0.69


def test_that_a_nodule_is_under_three_centimetres_and_a_mass_over():
    millimetres = 430 / 224
    for index in range(12):
        nodule, mass = (
            phantom("radiograph", 5, index, 224, labels=only(name)).lesion_mask
            for name in ("nodule", "mass")
        )
        diameters = [2 * np.sqrt(m.sum() / np.pi) * millimetres for m in (nodule, mass)]
        assert 10 < diameters[0] < 30 < 35 < diameters[1] < 80


def test_that_signs_of_retinopathy_grow_with_the_grade():
    for index in range(4):
        areas = [phantom("fundus", 8, index, 224, [g]).lesion_mask.sum() for g in range(4)]
        assert areas[0] == 0
        assert 0 < 2 * areas[1] < areas[2]
        assert 2 * areas[2] < areas[3]


def test_that_microaneurysms_stand_out_at_the_size_of_a_model():
    for index in range(6):
        healthy = phantom("fundus", 9, index, 224, [0]).pixels.astype(int)
        ill = phantom("fundus", 9, index, 224, [1])
        darker = (healthy - ill.pixels)[ill.lesion_mask][:, 1]
        assert darker.mean() > 20


def test_that_a_melanoma_is_less_round_and_more_colourful_than_a_naevus():
    def colours_and_fill(kind: int, index: int) -> tuple[float, float]:
        sample = phantom("dermoscopy", 4, index, 128, [kind])
        rows, columns = np.nonzero(sample.lesion_mask)
        reach = np.hypot(rows - rows.mean(), columns - columns.mean()).max()
        hue = sample.pixels[sample.lesion_mask].astype(float)
        return float((hue[:, 0] - hue[:, 2]).std()), len(rows) / (np.pi * reach**2)

    naevi, melanomas = (
        np.mean([colours_and_fill(kind, i) for i in range(12)], axis=0) for kind in (0, 1)
    )
    assert melanomas[0] > 1.5 * naevi[0]
    assert melanomas[1] < naevi[1] - 0.1


@pytest.mark.parametrize("domain", ["dermoscopy", "fundus"])
def test_that_every_class_is_equally_likely(domain):
    from medadv_desktop.datasets.phantoms.catalogue import _draw_labels
    from medadv_desktop.datasets.phantoms.sample import Sources

    kind = DOMAINS[domain]
    drawn = Counter(_draw_labels(kind, Sources.of(kind.number, 1, i))[0] for i in range(2000))
    share = 1 / len(kind.classes)
    four_deviations = 4 * np.sqrt(share * (1 - share) / 2000)
    for label in range(len(kind.classes)):
        assert abs(drawn[label] / 2000 - share) < four_deviations


def test_that_findings_come_independently_in_about_a_third_of_the_radiographs():
    from medadv_desktop.datasets.phantoms.catalogue import _draw_labels
    from medadv_desktop.datasets.phantoms.sample import Sources

    kind = DOMAINS["radiograph"]
    drawn = np.array([_draw_labels(kind, Sources.of(kind.number, 1, i)) for i in range(2000)])
    assert np.abs(drawn.mean(axis=0) - 0.35).max() < 4 * np.sqrt(0.35 * 0.65 / 2000)
    between = np.corrcoef(drawn.T) - np.eye(6)
    assert np.abs(between).max() < 4 / np.sqrt(2000)


def test_that_a_phantom_shows_the_label_that_was_drawn_for_it():
    for domain in DOMAINS:
        sample = phantom(domain, 1, 3, 64)
        asked = phantom(domain, 1, 3, 64, labels=sample.labels)
        np.testing.assert_array_equal(sample.pixels, asked.pixels)


def test_that_every_combination_of_findings_can_be_drawn_and_none_is_lost():
    for code in range(64):
        labels = tuple(code >> bit & 1 for bit in range(6))
        sample = phantom("radiograph", 7, code, 64, labels=labels)
        assert sample.labels == labels
        assert tuple(name for name, _ in sample.findings_masks) == FINDINGS
        assert tuple(int(mask.any()) for _, mask in sample.findings_masks) == labels
        together = np.logical_or.reduce([mask for _, mask in sample.findings_masks])
        np.testing.assert_array_equal(sample.lesion_mask, together)


@pytest.mark.parametrize("labels", [[0], [1], (np.int64(1),)])
def test_that_dermoscopy_masks_the_lesion_whatever_it_is(labels):
    sample = phantom("dermoscopy", 1, 1, SMALL, labels)
    assert sample.labels == (int(labels[0]),)
    assert 0.05 < sample.lesion_mask.mean() < 0.5
    assert sample.lesion_mask[SMALL // 2, SMALL // 2]


def test_that_fundus_signs_lie_in_the_round_field_on_black():
    sample = phantom("fundus", 2, 2, 128, [3])
    rows, columns = np.mgrid[0:128, 0:128] - 63.5
    outside = np.hypot(rows, columns) > 0.48 * 128
    assert sample.pixels[outside].max() < 20
    assert not sample.lesion_mask[outside].any()


def test_that_left_and_right_eyes_both_occur():
    sides = Counter()
    for index in range(12):
        green = phantom("fundus", 1, index, 64, [0]).pixels[20:44, :, 1].astype(int)
        sides["left" if green[:, :24].max() > green[:, 40:].max() else "right"] += 1
    assert min(sides["left"], sides["right"]) >= 2


def test_that_the_arrays_of_a_sample_cannot_be_changed():
    sample = phantom("radiograph", 1, 1, 64)
    for array in (sample.pixels, sample.lesion_mask, sample.findings_masks[0][1]):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"domain": "ct"}, "domain"),
        ({"domain": ["fundus"]}, "domain"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"index": -3}, "index"),
        ({"index": "1"}, "index"),
        ({"side": 31}, "side"),
        ({"side": 4097}, "side"),
        ({"side": 224.0}, "side"),
        ({"labels": []}, "labels"),
        ({"labels": [4]}, "labels"),
        ({"labels": [-1]}, "labels"),
        ({"labels": [0, 1]}, "labels"),
        ({"labels": 1}, "labels"),
        ({"labels": [1.0]}, "labels"),
        ({"domain": "radiograph", "labels": [1]}, "labels"),
        ({"domain": "radiograph", "labels": [0, 1, 2, 0, 0, 0]}, "labels"),
    ],
)
def test_that_a_wrong_argument_is_refused_by_name(arguments, field):
    with pytest.raises(SettingsError) as refusal:
        phantom(**({"domain": "fundus", "seed": 1, "index": 1, "side": 64} | arguments))
    assert refusal.value.subject == field
    assert refusal.value.remedy.startswith("Allowed: ")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"domain": "mri"}, "domain"), ({"count": -1}, "count"), ({"side": 0}, "side")],
)
def test_that_a_series_of_phantoms_is_refused_at_the_call(arguments, field):
    with pytest.raises(SettingsError) as refusal:
        phantoms(**({"domain": "fundus", "seed": 1, "count": 1, "side": 64} | arguments))
    assert refusal.value.subject == field


def test_that_a_series_holds_as_many_phantoms_as_asked():
    assert [s.index for s in phantoms("dermoscopy", 1, 4, 32)] == [0, 1, 2, 3]
    assert list(phantoms("dermoscopy", 1, 0)) == []


def test_that_phantoms_need_neither_torch_nor_qt():
    program = (
        "import sys, medadv_desktop.datasets.phantoms;"
        "print(sorted({'torch', 'PySide6', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "[]"
