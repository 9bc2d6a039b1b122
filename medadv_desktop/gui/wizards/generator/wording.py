"""What is said of a training in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from medadv_desktop.audit.generators import UniversalFit
from medadv_desktop.gui.docks.jobs import seconds_text
from medadv_desktop.gui.labelled.bars import figure, share
from medadv_desktop.gui.state.jobs import JobState

if TYPE_CHECKING:
    from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer


def tr(text: str) -> str:
    """A text of this dialog in the user's language."""
    return QCoreApplication.translate("GeneratorTraining", text)


def plain(text: str) -> str:
    """A title without the mark of its mnemonic."""
    return text.replace("&", "")


def rate_title(trainer: GeneratorTrainer) -> str:
    """What the rate of an epoch counts."""
    return tr("Goal reached") if trainer.fits else tr("Decisions changed")


def rate_text(rate: float) -> str:
    """A rate in per cent."""
    return share(round(rate * 1_000_000), 1_000_000)


def epochs_text(done: int, epochs: int) -> str:
    """How many epochs are behind us."""
    return tr("{done} of {epochs} epochs").format(done=figure(done), epochs=figure(epochs))


def ended_text(trainer: GeneratorTrainer) -> str:
    """What came of a training in a sentence; "" where it has not ended."""
    from medadv_desktop.gui.wizards.generator.trainer import Stage

    request = trainer.request
    if request is None:
        return ""
    name, history = request.path.name, trainer.history
    if trainer.stage is Stage.DONE and isinstance(trainer.answer, UniversalFit):
        text = tr("The perturbation {name} is fitted: it reaches its goal on {rate} of the images.")
        return text.format(name=name, rate=rate_text(trainer.answer.goal_rate))
    if trainer.stage is Stage.DONE and history:
        text = tr("The generator {name} is trained: it changes {rate} of the decisions.")
        return text.format(name=name, rate=rate_text(history[-1].rate))
    if trainer.stage is Stage.FAILED and trainer.failure is not None:
        failed = tr("The fit of {name} failed: {reason}")
        text = failed if trainer.fits else tr("The training of {name} failed: {reason}")
        return text.format(name=name, reason=trainer.failure.text)
    if trainer.stage is Stage.STOPPED:
        stopped = tr("The fit of {name} was stopped.")
        text = stopped if trainer.fits else tr("The training of {name} was stopped.")
        return text.format(name=name)
    return ""


def headline(trainer: GeneratorTrainer) -> str:
    """Where a training stands, in a few words."""
    from medadv_desktop.gui.wizards.generator.trainer import Stage

    job, preview = trainer.job, trainer.preview
    if trainer.stage is Stage.DONE:
        return tr("Fitted") if trainer.fits else tr("Trained")
    if trainer.stage is Stage.FAILED:
        return tr("Failed")
    if trainer.stage is Stage.STOPPED:
        return tr("Stopped")
    if job is not None and job.cancelling:
        return tr("Stopping…")
    if preview is not None:
        text = tr("Epoch {epoch} of {epochs}")
        return text.format(epoch=figure(preview.epoch), epochs=figure(preview.epochs))
    if job is not None and job.state is JobState.QUEUED:
        return tr("Waits for what is being computed")
    return tr("Loading the model") if trainer.stage is Stage.LOADING else tr("Preparing the images")


def subline(trainer: GeneratorTrainer) -> str:
    """How far it is and how long it will take."""
    job, preview = trainer.job, trainer.preview
    if not trainer.running or job is None:
        return ""
    if preview is None:
        done, total = int(job.progress.done), int(job.progress.total)
        if total:
            text = tr("{note}: {done} of {total}")
            return text.format(
                note=job.note or tr("done"), done=figure(done), total=figure(total)
            ).strip()
        return job.note
    told = []
    if trainer.judging:
        told.append(tr("counting on how many images it works"))
    elif preview.samples:
        text = tr("{seen} of {samples} images")
        told.append(text.format(seen=figure(preview.seen), samples=figure(preview.samples)))
    remaining = trainer.remaining()
    if remaining is None:
        told.append(tr("how long it takes is told after the first batches"))
    else:
        told.append(tr("about {time} to go").format(time=seconds_text(remaining)))
    if job.device:
        told.append(tr("on {device}").format(device=job.device))
    return " · ".join(told)
