"""A mask drawn on the source image, as the model sees it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from medadv_desktop.errors import AnalysisError
from medadv_desktop.models.input_plan import InputPlan


def mask_on_input(
    mask: NDArray[np.bool_], plan: InputPlan, frame_shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """A mask of the frame through the model's resize and crop; H×W of the model input.

    A pixel is inside where the resampling, the same as of the picture, makes it so by half or more.
    A mask of the model input's own size, where the frame is of another, is taken as it is.

    Raises:
        AnalysisError: the mask is of neither size.
    """
    if mask.shape != tuple(frame_shape):
        if mask.shape == plan.crop[2:]:
            return np.array(mask, dtype=np.bool_)
        raise AnalysisError(
            f"a mask of {mask.shape[0]}×{mask.shape[1]} does not belong to an image of "
            f"{frame_shape[0]}×{frame_shape[1]}",
            subject="lesion mask",
            remedy="Give a mask of the image's own size",
        )
    covers = torch.from_numpy(np.asarray(mask, np.float32))[None, None]
    covers = F.interpolate(
        covers, plan.resized, mode="bilinear", align_corners=False, antialias=True
    )
    top, left, height, width = plan.crop
    have_height, have_width = plan.resized
    cut = F.pad(covers, (-left, left + width - have_width, -top, top + height - have_height))
    return np.asarray(cut[0, 0].numpy() >= 0.5)
