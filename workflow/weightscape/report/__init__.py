"""The parts of the report's page, each made from the tables alone."""
