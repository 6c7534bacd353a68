"""What ``upscale`` and ``estimate`` share: inputs, the batch, results, files of maps."""
