"""Behind :func:`blindsr.load`: any file to a model, any picture through it in tiles."""
