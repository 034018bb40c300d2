"""Sub-commands of `weightscape`: each has HELP, configure(parser) and run(arguments)."""
