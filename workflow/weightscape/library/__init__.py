"""The face of the library: functions that take what people have (arrays, modules, pictures, paths) and give tables."""
