package com.alpha.pcworker.client;

/** Which log a reader is in: its epoch, and whether the gateway's log ends before the reader's position. */
final class LogEpoch {

    private static final String NIL = "00000000-0000-0000-0000-000000000000";

    private String current; // empty until it is known
    private boolean isRestored;

    LogEpoch(String saved) {
        current = saved;
    }

    String current() {
        return current;
    }

    /** Whether a message with this epoch is of another log than the one that is read. */
    boolean isOther(String epoch) {
        return isRestored || (isNamed(epoch) && !current.isEmpty() && !current.equals(epoch));
    }

    /** The gateway's log ends before our position: the next one is another log, even with the same epoch. */
    void restored() {
        isRestored = true;
    }

    /** Take note of a message's epoch. */
    void know(String epoch) {
        if (isNamed(epoch)) {
            current = epoch;
        }
    }

    /** Returns the change to this epoch, which is the current one from here on. */
    LogChange changeTo(String epoch, String model, long position) {
        LogChange change = new LogChange(current, epoch, model, position, isRestored);
        isRestored = false;
        know(epoch);
        return change;
    }

    // A log that has not opened has no epoch, and a slice without rows has the nil UUID.
    private static boolean isNamed(String epoch) {
        return !epoch.isEmpty() && !epoch.equals(NIL);
    }
}
