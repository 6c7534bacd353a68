"""A checkpoint as a training writes it."""

from tests.helpers.restoration_data import trainer


def saved(model, path):
    """A checkpoint as a training writes it."""
    run = trainer(path.parent)
    model.trainer = run
    run.strategy.connect(model)
    run.save_checkpoint(path)
    return str(path)
