package com.alpha.pcworker.client;

import com.alpha.pcworker.client.ReaderListener.Source;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.function.Consumer;

/** Reports a reader's events to the log and to its listener. */
final class Events {

    private static final System.Logger LOG = System.getLogger("com.alpha.pcworker.client");
    private static final ReaderListener NO_LISTENER = new ReaderListener() {};

    private final Source source;
    private final ReaderListener listener;
    private boolean isStandingBy;

    Events(Gateway gateway, SubscriptionSettings settings) {
        this.source = new Source(gateway.address(), settings.domain(), settings.name());
        this.listener = settings.listener().orElse(NO_LISTENER);
    }

    void connected(long position) {
        isStandingBy = false;
        report(Level.INFO, "is open after position " + position, told -> told.connected(source, position));
    }

    void lost(GatewayException cause) {
        report(Level.WARNING, "was lost: " + text(cause), told -> told.lost(source, cause));
    }

    void retrying(int attempt, Duration wait, GatewayException cause) {
        String what = "retry %d in %.1f s: %s".formatted(attempt, wait.toMillis() / 1000.0, text(cause));
        report(Level.INFO, what, told -> told.retrying(source, attempt, wait, cause));
    }

    void standingBy() {
        if (!isStandingBy) {
            isStandingBy = true;
            report(Level.INFO, "is held by another consumer: standing by", told -> told.standingBy(source));
        }
    }

    void fenced(FencedException cause) {
        report(Level.WARNING, "fenced: " + text(cause), told -> told.fenced(source, cause));
    }

    void dropped(SubscriptionDroppedException cause) {
        report(Level.WARNING, "dropped: " + text(cause), told -> told.dropped(source, cause));
    }

    void logChanged(LogChange change) {
        String what = "epoch changed from %s to %s after position %d%s"
                .formatted(
                        change.previousEpoch(),
                        change.epoch(),
                        change.position(),
                        change.isRestored() ? ", beyond the new log's end: the database was restored" : "");
        report(Level.WARNING, what, told -> told.logChanged(source, change));
    }

    private void report(Level level, String what, Consumer<ReaderListener> call) {
        LOG.log(level, source + ": " + what);
        try {
            call.accept(listener);
        } catch (RuntimeException e) {
            LOG.log(Level.WARNING, source + ": the listener failed", e);
        }
    }

    // The source names the gateway already.
    private static String text(GatewayException cause) {
        return cause.plainMessage();
    }
}
