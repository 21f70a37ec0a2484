package com.alpha.pcworker.client;

/**
 * The domain has another log than the one that was read: its model was changed, or its database was restored.
 *
 * @param previousEpoch the log that was read so far; empty where it is not known
 * @param epoch the log of now; empty where it is not known yet
 * @param model the model of now, {@code name@revision}
 * @param position where this reader was in the previous log
 * @param isRestored true: the new log ends before {@code position}, so a database was restored; false: it may be either
 */
public record LogChange(String previousEpoch, String epoch, String model, long position, boolean isRestored) {}
