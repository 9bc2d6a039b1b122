"""Carrying the training of a generator out: decode once, then epochs over what was decoded."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.attacks.gap.file import Origin
from medadv_desktop.attacks.gap.training import check_recipe, train_generator
from medadv_desktop.audit.evaluation import LeftOut
from medadv_desktop.audit.generators import GeneratorTraining, TrainGeneratorRequest
from medadv_desktop.audit.judging import GRID, prepared
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.streaming import stream
from medadv_desktop.errors import DatasetError, ModelError
from medadv_desktop.imaging.frame import Unreadable
from medadv_desktop.jobs import CancelToken, Emit, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import plan_input

_SPARE_BYTES = 1 << 30


def train(
    shelf: ModelShelf, request: TrainGeneratorRequest, emit: Emit, token: CancelToken
) -> GeneratorTraining:
    """Train a generator; see `TrainGeneratorRequest`.

    Raises:
        ModelError: the model cannot be loaded.
        DatasetError: no image can be used, or there is no room to keep them at hand.
        AttackError: as `train_generator`.
        JobCancelled: the token was cancelled; whole epochs are kept in the file.
    """
    began = time.perf_counter()
    model = shelf.model(request.model)
    check_recipe(model, request.recipe)
    named = fingerprint(request.dataset, token, emit, workers=request.workers, cache=request.cache)
    with _at_hand(model, request, emit, token) as (images, left_out):
        origin = Origin(
            model=model.card.id,
            model_sha256=shelf.weights_sha256(request.model),
            data_sha256=named.sha256,
            samples=len(images),
        )
        size = request.recipe.batch_size

        def batches(epoch: int) -> Iterator[torch.Tensor]:
            order = np.random.default_rng((request.recipe.seed, epoch)).permutation(len(images))
            for first in range(0, len(images), size):
                chosen = images[np.sort(order[first : first + size])]
                batch = torch.from_numpy(chosen.astype(np.float32)) / GRID
                yield batch.to(shelf.device, next(model.parameters()).dtype)

        trained = train_generator(
            model,
            batches,
            request.recipe,
            request.path,
            origin=origin,
            resume=request.resume,
            token=token,
            emit=emit,
        )
    return GeneratorTraining(
        request=request,
        origin=origin,
        epochs=trained.epochs,
        left_out=left_out,
        device=str(shelf.device),
        seconds=time.perf_counter() - began,
    )


@contextmanager
def _at_hand(
    model: DiagnosticModel, request: TrainGeneratorRequest, emit: Emit, token: CancelToken
) -> Iterator[tuple[NDArray[np.uint16], tuple[LeftOut, ...]]]:
    """All model inputs, N×C×H×W in steps of the grid, in a file that memory is mapped to."""
    shape = model.card.input_shape
    count, bytes_each = len(request.dataset), 2 * int(np.prod(shape))
    if not count:
        raise DatasetError("has no samples", subject=request.dataset.name)
    with tempfile.TemporaryDirectory(prefix="medadv-gap-") as folder:
        room = shutil.disk_usage(folder).free - _SPARE_BYTES
        if count * bytes_each > room:
            raise DatasetError(
                f"its {count} prepared images take {count * bytes_each / 1e9:.1f} GB, and the "
                f"temporary folder has room for {max(room, 0) / 1e9:.1f} GB",
                subject=request.dataset.name,
                remedy="Train on fewer samples, or point TMPDIR to a larger disk",
            )
        kept = np.memmap(Path(folder) / "inputs", np.uint16, "w+", shape=(count, *shape))
        left_out: list[LeftOut] = []
        done = 0
        for sample, frame in stream(request.dataset, request.workers, token):
            reason = frame.reason if isinstance(frame, Unreadable) else ""
            if not isinstance(frame, Unreadable):
                try:
                    image = prepared(frame, plan_input(model.card.preprocessing, frame))
                except ModelError as error:
                    reason = error.reason
                else:
                    kept[done] = (image[0].double() * GRID).round().numpy().astype(np.uint16)
                    done += 1
            if reason:
                left_out.append(LeftOut(sample.index, sample.id, sample.path, reason))
            emit(Progress(done + len(left_out), count, "images prepared"))
        if not done:
            raise DatasetError(
                f"none of its {count} samples can be used; the first: {left_out[0].reason}",
                subject=request.dataset.name,
            )
        try:
            yield kept[:done], tuple(left_out)
        finally:
            del kept
