"""What ``upscale`` and ``estimate`` share: inputs, names of results, the batch, files of maps."""
