"""The door of the room: a training from its request to a finished model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from medadv_desktop.audit.devices import device_title, versions
from medadv_desktop.audit.inputs_at_hand import Inputs, inputs_at_hand
from medadv_desktop.audit.runner.team import Team
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.errors import RecipeError, TrainingError
from medadv_desktop.jobs import CancelToken, Emit, Message, silent
from medadv_desktop.training.checkpoints import CHECKPOINT, Checkpoint, load_checkpoint
from medadv_desktop.training.files import read_recipe, recipe_digest, write_recipe
from medadv_desktop.training.gathering import meet
from medadv_desktop.training.loop import Digests, Trainer
from medadv_desktop.training.recipe import Recipe
from medadv_desktop.training.requests import Ending, TrainingFinished, TrainingRequest
from medadv_desktop.training.result import CURVES, RECIPE, write_curves, write_model
from medadv_desktop.training.samples import Samples
from medadv_desktop.training.starting import class_match, labels_by, make_model, open_data

_NOBODY = Team()


def run_training(
    request: TrainingRequest,
    device: torch.device | str = "cpu",
    emit: Emit = silent,
    token: CancelToken | None = None,
    *,
    team: Team = _NOBODY,
) -> TrainingFinished:
    """Train, from the beginning or from the checkpoint in the folder.

    Its folder holds recipe.toml (every default written out), checkpoint.safetensors, curves.json
    and, once an epoch was validated, model/ with weights and card.

    Raises:
        RecipeError, DatasetError, ModelError: nothing was computed and nothing written.
        TrainingError: the folder holds another training, or none to go on with; a team member was
            lost.
        DeviceError, ExportError: the last checkpoint is kept.
        JobCancelled: the token was cancelled; the checkpoint is that of the last whole step.
    """
    token, folder = token or CancelToken(), request.folder
    recipe = _recipe(request)
    checkpoint = _checkpoint(request, recipe)
    if recipe.budget.batch_size % team.size:
        raise RecipeError(
            f"{recipe.budget.batch_size} cannot be shared by {team.size} processes",
            subject="budget.batch_size",
            remedy=f"Choose a multiple of {team.size}",
        )
    device = torch.device(device)
    data = open_data(recipe, token, emit)
    model = make_model(recipe, data.whole, device)
    labelled = labels_by(class_match(recipe, data.whole, model.card))
    prints = [fingerprint(part, token, cache=request.cache) for part in (data.train, data.val)]
    workers = recipe.data.workers
    with (
        inputs_at_hand(model, data.train, workers, emit, token, labelled) as learned,
        inputs_at_hand(model, data.val, workers, emit, token, labelled) as judged,
    ):
        train, val = Samples.of(learned, model.card), Samples.of(judged, model.card)
        train.check_varied("data.train")
        val.check_varied("data.val")
        _tell_left_out(learned, judged, emit)
        joined = "".join(each.sha256 for each in prints).encode()
        place = f"{device.type}, {torch.get_num_threads()} threads, {team.size} processes"
        digests = Digests(recipe_digest(recipe), hashlib.sha256(joined).hexdigest(), place)
        trainer = Trainer(recipe, model, train, val, folder=folder, digests=digests, team=team,
                          control=request.control, token=token, emit=emit)  # fmt: skip
        if checkpoint is not None:
            _check_same(checkpoint, digests, folder, emit)
            trainer.restore(checkpoint)
        meet(team, "beginning")
        if team.leads:
            write_recipe(recipe, folder / RECIPE)
        ending = trainer.run()
        about = {
            "objective": recipe.objective,
            "recipe_sha256": digests.recipe,
            "train_sha256": prints[0].sha256,
            "val_sha256": prints[1].sha256,
            "train_samples": len(train),
            "val_samples": len(val),
            "left_out": [one.id for one in (*learned.left_out, *judged.left_out)],
            "ending": ending,
            "diagnosis": trainer.diagnosis,
            "device": device_title(device),
            "processes": team.size,
            "versions": dict(versions()),
        }
        return _finished(trainer, ending, about, len(val))


def _recipe(request: TrainingRequest) -> Recipe:
    kept = request.folder / RECIPE
    if not request.resume:
        if request.recipe is None:
            raise TrainingError("there is no recipe", subject=request.folder)
        if (request.folder / CHECKPOINT).exists():
            raise TrainingError(
                "holds a training already",
                subject=request.folder,
                remedy="Go on with it by --resume, or choose another folder",
            )
        return request.recipe
    if not kept.exists():
        raise TrainingError(
            "holds no training to go on with", subject=request.folder, remedy="Name its folder"
        )
    recipe = read_recipe(kept)
    if request.recipe is not None and recipe_digest(request.recipe) != recipe_digest(recipe):
        raise TrainingError(
            "holds a training of another recipe",
            subject=request.folder,
            remedy="Leave the recipe out to go on with that one, or choose another folder",
        )
    return recipe


def _checkpoint(request: TrainingRequest, recipe: Recipe) -> Checkpoint | None:
    """None where the training was broken off before its first checkpoint."""
    path = request.folder / CHECKPOINT
    if not request.resume or not path.exists():
        return None
    found = load_checkpoint(path)
    if found.recipe != recipe_digest(recipe):
        raise TrainingError(
            "is the checkpoint of another recipe",
            subject=path,
            remedy="Put back the recipe it was made with, or begin anew in another folder",
        )
    return found


def _check_same(checkpoint: Checkpoint, digests: Digests, folder: Path, emit: Emit) -> None:
    if checkpoint.data != digests.data:
        raise TrainingError(
            "was begun with other data: images or labels have changed since",
            subject=folder,
            remedy="Restore the data set, or begin anew in another folder",
        )
    if checkpoint.place != digests.place:
        told = f"begun on {checkpoint.place}, going on with {digests.place}"
        emit(Message(f"{told}: the weights will not be the same to the last bit", "warning"))


def _tell_left_out(learned: Inputs, judged: Inputs, emit: Emit) -> None:
    for name, inputs in (("training", learned), ("validation", judged)):
        if inputs.left_out:
            first = inputs.left_out[0]
            emit(
                Message(
                    f"{len(inputs.left_out)} samples of the {name} part cannot be used; the first: "
                    f"{first.id}: {first.reason}",
                    "warning",
                )
            )


def _finished(
    trainer: Trainer, ending: Ending, about: dict[str, Any], validated: int
) -> TrainingFinished:
    position, folder = trainer.position, trainer.folder
    card: Path | None = None
    if position.best and ending != "paused":
        name = trainer.model.card.weights.removesuffix(".safetensors")
        card = folder / "model" / f"{name}.toml"
        if trainer.team.leads:
            card = write_model(
                trainer.recipe, trainer.model.card, trainer.best, position, validated, folder
            )
    if trainer.team.leads:
        write_curves(position, about, folder / CURVES)
    return TrainingFinished(
        folder, ending, card, position.best, position.history, trainer.diagnosis
    )
