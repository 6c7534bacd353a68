"""The schedule of KernelGAN's loss."""

import pytest

from blindsr.inference.kernelgan.controller import Controller

TRACE = {
    0: (5, 0, 0, 2e-4),
    200: (0.05, 0, 0, 2e-4),
    400: (5e-4, 1, 5, 2e-4),
    600: (5e-6, 1, 5, 2e-4),
    750: (5e-6, 1, 5, 2e-5),
    1500: (5e-6, 1, 5, 2e-6),
    2250: (5e-6, 1, 5, 2e-7),
}
"""Of the released code, where the bicubic loss stays at 0.3; nothing changes in between."""


def state(controller):
    return (controller.bicubic, controller.centre, controller.sparse, controller.learning_rate)


def test_the_trace_of_the_released_code():
    controller, expected = Controller(), TRACE[0]
    for iteration in range(3000):
        controller.update(iteration, 0.3)
        expected = TRACE.get(iteration, expected)
        assert state(controller) == pytest.approx(expected), iteration


def test_bicubic_stays_until_the_generator_is_near_three_times_in_a_row():
    controller = Controller()
    for iteration in range(1, 700):
        controller.update(iteration, 0.5 if iteration % 3 == 0 else 0.3)
    assert state(controller) == (5.0, 0.0, 0.0, 2e-4)
