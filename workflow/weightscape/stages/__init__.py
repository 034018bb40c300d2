"""One thin program per rule of the workflow, named as the rule: parse, load, call, save."""
