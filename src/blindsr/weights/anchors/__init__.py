"""Networks of other projects as anchors of PBaSR: classes, dialects, files."""
