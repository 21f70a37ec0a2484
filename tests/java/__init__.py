"""Tests of the Java client, run by the JVM against real and wicked gateways."""
