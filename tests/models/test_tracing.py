"""Tracing a network while another thread prepares images."""

from __future__ import annotations

import threading

import numpy as np
import torch
from torch import Tensor, nn

from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import plan_input
from medadv_desktop.models.preprocessing import model_input
from medadv_desktop.models.tracing import traced


def test_that_images_are_prepared_as_ever_while_a_network_is_traced(grey_png) -> None:
    frame: Frame = read_frame(grey_png)
    plan = plan_input(Preprocessing(channels=1, height=32, width=32), frame)
    alone = model_input(frame, plan)
    asked, others = threading.Event(), []

    def prepare() -> None:
        asked.set()
        others.append(model_input(frame, plan))

    thread = threading.Thread(target=prepare)

    class Slow(nn.Module):
        """In the middle of its trace the other thread comes."""

        def forward(self, x: Tensor) -> Tensor:
            thread.start()
            asked.wait(10)
            thread.join(0.2)  # it waits for the trace to end
            return x + 1

    graph = traced(Slow())
    thread.join()
    np.testing.assert_array_equal(others[0], alone)
    assert float(graph(torch.zeros(1))) == 1
