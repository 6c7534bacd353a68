"""Networks rewritten for inference: the same outputs up to float rounding, sooner."""
