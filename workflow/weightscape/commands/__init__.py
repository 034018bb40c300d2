"""Sub-commands of `weightscape`: each has configure(parser) and run(arguments)."""
