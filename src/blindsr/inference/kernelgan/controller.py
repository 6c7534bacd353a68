"""When the terms of KernelGAN's loss come in, and when its learning rate falls."""

from __future__ import annotations

from dataclasses import dataclass

_EVERY, _TUNED_EVERY = 750, 200
_SIMILAR, _IN_A_ROW = 0.4, 3
_FLOOR, _CONSTRAINED_BELOW = 5e-6, 5e-3
_CENTRE, _SPARSE = 1.0, 5.0


@dataclass
class Controller:
    """Weights of the loss terms and the learning rate, told after every iteration.

    At first the generator is held near to bicubic; once it is near three times in a row, that
    term fades and the ones of centre and sparsity come in.
    """

    bicubic: float = 5.0
    centre: float = 0.0
    sparse: float = 0.0
    learning_rate: float = 2e-4
    boundary: float = 0.5
    sum: float = 0.5
    similar: bool = False
    _in_a_row: int = 0

    def update(self, iteration: int, bicubic_loss: float) -> None:
        """Take the bicubic loss of an iteration, counted from 0."""
        if iteration == 0:
            return
        if iteration % _EVERY == 0:
            self.learning_rate /= 10
        if not self.similar:
            self._in_a_row = self._in_a_row + 1 if bicubic_loss < _SIMILAR else 0
            self.similar = self._in_a_row >= _IN_A_ROW
        if self.similar and iteration % _TUNED_EVERY == 0 and self.bicubic > _FLOOR:
            self.bicubic = max(self.bicubic / 100, _FLOOR)
            if self.bicubic < _CONSTRAINED_BELOW and not self.centre:
                self.centre, self.sparse = _CENTRE, _SPARSE
