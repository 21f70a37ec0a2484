package com.alpha.pcworker.client;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** The redelivered rows, until they are committed and acknowledged, and the nack that waits to be stored. */
final class Redeliveries {

    private static final int MOST_REASON = 500;
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\u2028\\u2029]+");
    private static final long NONE = -1;

    private final Set<Long> given = new HashSet<>();
    private final Set<Long> updated = new HashSet<>();
    private final Set<Long> committed = new HashSet<>();
    private long nacking = NONE;
    private boolean isSent;

    /** Records that the caller has this row now. */
    void give(long position) {
        given.add(position);
    }

    void update() {
        updated.addAll(given);
        given.clear();
    }

    void commit() {
        committed.addAll(updated);
        updated.clear();
    }

    /** Returns the rows that are to be acknowledged now, once. */
    List<Long> toAcknowledge() {
        List<Long> positions = new ArrayList<>(committed);
        committed.clear();
        return positions;
    }

    /** Begins a nack: this row is not stored. */
    void beginNack(long position) {
        given.remove(position);
        updated.remove(position);
        nacking = position;
        isSent = false;
    }

    boolean isNacking() {
        return nacking != NONE;
    }

    boolean isNackSent() {
        return isSent;
    }

    void nackIsSent() {
        isSent = true;
    }

    /** The call has ended: what was not answered must be sent again. */
    void hangUp() {
        isSent = false;
    }

    void nackIsStored(List<Long> positions) {
        if (positions.contains(nacking)) {
            endNack();
        }
    }

    void endNack() {
        nacking = NONE;
    }

    /** Returns a reason as the gateway takes it: not empty, not too long. */
    static String reason(String given) {
        String stripped = given == null ? "" : UNPRINTABLE.matcher(given).replaceAll(" ").strip();
        if (stripped.isEmpty()) {
            return "no reason";
        }
        int characters = stripped.codePointCount(0, stripped.length());
        return characters <= MOST_REASON ? stripped : stripped.substring(0, stripped.offsetByCodePoints(0, MOST_REASON));
    }
}
