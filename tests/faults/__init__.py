"""The product under faults: injections into real processes and servers, and an oracle that looks for what is lost."""
