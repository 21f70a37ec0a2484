"""The walk over a pickle: a rule for each opcode."""
