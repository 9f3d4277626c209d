"""The embedded data: a small world, stories told about it, and labelled tasks whose labels are facts of that world."""
