"""A network built by a factory function in the user's own Python file. This runs its code."""

from __future__ import annotations

import hashlib
import inspect
import traceback
from pathlib import Path
from types import ModuleType

from torch import nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.formats import refuse_code
from medadv_desktop.models.formats.contents import Network, Opening

_USUAL = ("build", "build_model", "create_model", "get_model", "make_model", "model")


def read(path: Path, opening: Opening) -> Network:
    """Run the file and its factory function, which takes no arguments and returns a module.

    The file runs under the name of its stem, not as a script: its `__main__` part does not run.

    Raises:
        ModelError: not allowed, changed since its card was written, without a clear factory, or its
            code failed; the message names the line.
    """
    if not opening.allow_code:
        refuse_code(path)
    source = path.read_bytes()
    if opening.sha256 and hashlib.sha256(source).hexdigest() != opening.sha256:
        raise ModelError(
            "is not the file its model card was written for (SHA-256 differs); it was not run",
            subject=path,
            remedy="Read what changed, then write a card for it",
        )
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    network = _run(source, module, path, opening.factory)
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"the factory returned a {type(network).__name__}, not a torch.nn.Module", subject=path
        )
    return Network(network, notes=("built by code of the file",))


def _run(source: bytes, module: ModuleType, path: Path, factory: str) -> object:
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
        return _factory(module, path, factory)()
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)
        ]
        where = f" at line {lines[-1]}" if lines else ""
        raise ModelError(
            f"its code failed{where} ({type(error).__name__}: {str(error)[:200]})",
            subject=path,
            remedy="Mend the file; every import must be installed beside this program",
        ) from None


def _factory(module: ModuleType, path: Path, name: str):  # type: ignore[no-untyped-def]  # the user's
    own = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }
    if not name:
        usual = [key for key in _USUAL if key in own]
        name = usual[0] if usual else next(iter(own), "") if len(own) == 1 else ""
    if name not in own:
        raise ModelError(
            f"has no factory function {name or 'that is clear'} (it has: "
            f"{', '.join(own) or 'none'})",
            subject=path,
            remedy="Name a function without arguments that returns the network, for example build",
        )
    return own[name]
