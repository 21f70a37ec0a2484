package com.alpha.pcworker.client;

/** The row with this id was removed at the source: remove it too. */
public record Tombstone(long position, String id) implements Entry {}
