"""What happens to a training sample: zoom, patches, flips, fresh blur."""
