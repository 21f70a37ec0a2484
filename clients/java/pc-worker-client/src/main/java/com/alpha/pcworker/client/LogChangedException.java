package com.alpha.pcworker.client;

/**
 * The domain has another log than the one that was read, and the settings say to stop there, or reading cannot continue in it:
 * look, then open with another {@link SubscriptionSettings.OnLogChange}.
 */
public final class LogChangedException extends GatewayException {

    private static final long serialVersionUID = 1L;

    private final transient LogChange change;

    LogChangedException(LogChange change, Throwable cause) {
        super(
                "the log changed from epoch %s to %s after position %d%s: check the stored rows, then restart or continue"
                        .formatted(
                                named(change.previousEpoch()),
                                named(change.epoch()),
                                change.position(),
                                change.isRestored() ? ", which is after its end: the database was restored" : ""),
                cause);
        this.change = change;
    }

    /**
     * What changed.
     *
     * @return the change; null after serialisation
     */
    public LogChange change() {
        return change;
    }

    @Override
    public boolean isRetryable() {
        return false;
    }

    private static String named(String epoch) {
        return epoch.isEmpty() ? "(unknown)" : epoch;
    }
}
